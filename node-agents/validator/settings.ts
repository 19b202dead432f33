import { isIP } from 'node:net'
import * as z from 'zod'
import { hotkey, VERSION_INT } from '../../schema/index.ts'
import { maybe, path } from '../core/parsers.ts'
import { PYTHON } from '../core/proof/over-ssh.ts'
import { setting } from '../core/settings.ts'

/** ss58 addresses between commas. */
const addresses = z
  .string()
  .optional()
  .transform((text = '', ctx): string[] => {
    const list = text.split(',').map((part) => part.trim())
    const wrong = list.filter((part) => part !== '' && !hotkey.safeParse(part).success)
    if (wrong.length === 0) return list.filter((part) => part !== '')
    ctx.addIssue({ code: 'custom', message: `ss58 addresses between commas; no address: ${wrong.join(', ')}` })
    return z.NEVER
  })

const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^[0-9]{1,9}$/, `a whole number from ${least} to ${most}`)
    .transform(Number)
    .pipe(z.number().min(least, `at least ${least}`).max(most, `at most ${most}`))

/** Who is proved and scored. */
export const RULES = {
  blacklistHotkeys: setting({
    flag: '--blacklist-hotkeys',
    also: '--blacklist.hotkeys',
    value: '<ss58,…>',
    env: 'COMPUTE_BLACKLIST_HOTKEYS',
    default: null,
    help: 'Hotkeys that are neither proved nor given weight',
    parse: addresses,
  }),
  blacklistColdkeys: setting({
    flag: '--blacklist-coldkeys',
    also: '--blacklist.coldkeys',
    value: '<ss58,…>',
    env: 'COMPUTE_BLACKLIST_COLDKEYS',
    default: null,
    help: 'The same by coldkey',
    parse: addresses,
  }),
  blacklistExploiters: setting({
    flag: '--blacklist-exploiters',
    value: '<on|off>',
    env: 'COMPUTE_BLACKLIST_EXPLOITERS',
    default: 'on',
    help: 'Leave out the hotkeys that the original subnet suspected of cheating',
    parse: z
      .string()
      .pipe(z.enum(['on', 'off'], 'on or off'))
      .transform((text) => text === 'on'),
  }),
  minimumVersion: setting({
    flag: '--minimum-version',
    value: '<n>',
    env: 'COMPUTE_MINIMUM_VERSION',
    default: String(VERSION_INT),
    help: 'Lowest version a miner may announce with its axon',
    parse: z.string().pipe(whole(0, 999_999_999)),
  }),
  versionQuorum: setting({
    flag: '--version-quorum',
    also: '--validator.whitelist.updated.threshold',
    value: '<percent>',
    env: 'COMPUTE_VERSION_QUORUM',
    default: '60',
    help: 'While no more than this share of miners has that version, all are let in',
    parse: z.string().pipe(whole(0, 100)),
  }),
  burn: setting({
    flag: '--burn',
    value: '<share>',
    env: 'COMPUTE_BURN',
    default: '0',
    help: "Share of the weights, 0 to 1, for the hotkey of the subnet's owner, which the chain burns",
    parse: z
      .string()
      .pipe(z.string().regex(/^(0(\.[0-9]{1,9})?|1(\.0{1,9})?)$/, 'a share from 0 to 1, such as 0.2'))
      .transform(Number),
  }),
}

/** How proofs are run. Defaults are the original's. */
export const PROOFS = {
  maxWorkers: setting({
    flag: '--max-workers',
    value: '<n>',
    env: 'COMPUTE_MAX_WORKERS',
    default: '64',
    help: 'Miners that are proved at the same time',
    parse: z.string().pipe(whole(1, 4096)),
  }),
  maxRandomDelay: setting({
    flag: '--max-random-delay',
    value: '<s>',
    env: 'COMPUTE_MAX_RANDOM_DELAY',
    default: '900',
    help: 'Longest pause before a round of proofs, drawn anew each time; 0: none',
    parse: z.string().pipe(whole(0, 3600)),
  }),
  proofTimeout: setting({
    flag: '--proof-timeout',
    value: '<s>',
    env: 'COMPUTE_PROOF_TIMEOUT',
    default: '300',
    help: 'Longest time for the proof of one miner',
    parse: z.string().pipe(whole(1, 3600)),
  }),
  proofRetries: setting({
    flag: '--proof-retries',
    value: '<n>',
    env: 'COMPUTE_PROOF_RETRIES',
    default: '22',
    help: 'How often a miner of whom nothing could be proved is tried again within a round',
    parse: z.string().pipe(whole(0, 1000)),
  }),
  proofRetryInterval: setting({
    flag: '--proof-retry-interval',
    value: '<s>',
    env: 'COMPUTE_PROOF_RETRY_INTERVAL',
    default: '60',
    help: 'Pause before it is tried again',
    parse: z.string().pipe(whole(1, 3600)),
  }),
  proofPython: setting({
    flag: '--proof-python',
    value: '<path>',
    env: 'COMPUTE_PROOF_PYTHON',
    default: PYTHON,
    help: 'The Python that runs the proof in the containers of miners',
    parse: z.string().pipe(z.string().regex(/^[\w./-]{1,200}$/, 'a name or a path, such as python3')),
  }),
  keepBundles: setting({
    flag: '--keep-bundles',
    value: '<n>',
    env: 'COMPUTE_KEEP_BUNDLES',
    default: '500',
    help: 'Evidence of so many proofs is kept in the state directory, the newest; 0: none',
    parse: z.string().pipe(whole(0, 1_000_000)),
  }),
  keepBundlesMb: setting({
    flag: '--keep-bundles-mb',
    value: '<MB>',
    env: 'COMPUTE_KEEP_BUNDLES_MB',
    default: '4096',
    help: 'And so much of it in all; one of eight cards takes about 15 MB',
    parse: z.string().pipe(whole(0, 100_000_000)),
  }),
  recordedProofs: setting({
    flag: '--recorded-proofs',
    value: '<file>',
    env: 'COMPUTE_RECORDED_PROOFS',
    default: null,
    help: 'JSON by hotkey with the proofs to believe, instead of any; only with an edge of development',
    parse: maybe(z.string().min(1).pipe(path)),
  }),
}

/** What stands on chain about the metrics of this validator. */
export const ANNOUNCED = {
  prometheusIp: setting({
    flag: '--prometheus-ip',
    value: '<ip>',
    env: 'COMPUTE_PROMETHEUS_IP',
    default: null,
    help: 'IP address to announce on chain for the metrics; without it nothing is announced',
    parse: maybe(z.string().refine((s) => isIP(s) !== 0, 'an IP address, such as 203.0.113.7')),
  }),
  prometheusPort: setting({
    flag: '--prometheus-port',
    value: '<port>',
    env: 'COMPUTE_PROMETHEUS_PORT',
    default: null,
    help: 'Port to announce with it; default: that of --metrics, else 8091',
    parse: maybe(z.string().pipe(whole(1, 65_535))),
  }),
}
