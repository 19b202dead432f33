import { join } from 'node:path'
import * as z from 'zod'
import { type Network, parseChain } from './chain/networks.ts'
import { hotkeyPath } from './hotkey.ts'
import { LOG_LEVELS } from './log.ts'
import { maybe, metricsAddress, path } from './parsers.ts'
import { registrationString } from './registration.ts'
import { reason } from './mistake.ts'
import { setting } from './settings.ts'

/** Null: without a chain. */
const chain = z.string().transform((text, ctx): Network | null => {
  try {
    return parseChain(text)
  } catch (error) {
    ctx.addIssue({ code: 'custom', message: reason(error) })
    return z.NEVER
  }
})

/** Settings that agents of every role have, under the same names. @param role stands in texts and in the default of --state */
export function commonSettings(role: 'miner' | 'validator') {
  return {
    edge: setting({
      flag: '--edge',
      value: '<url#fingerprint>',
      env: 'COMPUTE_EDGE',
      default: null,
      help: `Registration string of the edge this ${role} serves`,
      parse: registrationString,
    }),
    ...WALLET,
    state: setting({
      flag: '--state',
      value: '<dir>',
      env: 'COMPUTE_STATE',
      default: join('~', '.compute', role),
      help: 'Where the agent keeps its state; one directory per agent',
      parse: z.string().pipe(path),
    }),
    chain: setting({
      flag: '--chain',
      value: '<network|url,…|none>',
      env: 'COMPUTE_CHAIN',
      default: 'finney',
      help: 'Chain the subnet is on: finney, test, archive, local, or WebSocket URLs to try in turn; none: without',
      parse: z.string().pipe(chain),
    }),
    netuid: setting({
      flag: '--netuid',
      value: '<n>',
      env: 'COMPUTE_NETUID',
      default: '27',
      help: 'The subnet on that chain',
      parse: z
        .string()
        .pipe(z.string().regex(/^([1-9][0-9]{0,3}|[1-5][0-9]{4})$/, 'the number of a subnet, such as 27'))
        .transform(Number),
    }),
    metrics: setting({
      flag: '--metrics',
      value: '<ip:port>',
      env: 'COMPUTE_METRICS',
      default: null,
      help: 'Serve Prometheus metrics there, such as 127.0.0.1:9101; a port alone means 127.0.0.1',
      parse: maybe(metricsAddress),
    }),
    logLevel: setting({
      flag: '--log-level',
      value: '<level>',
      env: 'COMPUTE_LOG_LEVEL',
      default: 'info',
      help: `How much to log: ${LOG_LEVELS.join(', ')}`,
      parse: z.string().pipe(z.enum(LOG_LEVELS, `one of ${LOG_LEVELS.join(', ')}`)),
    }),
  }
}

const WALLET = {
  walletName: setting({
    flag: '--wallet.name',
    value: '<name>',
    env: 'BT_WALLET_NAME',
    default: 'default',
    help: 'Bittensor wallet that holds the hotkey',
    parse: z.string().pipe(z.string().min(1)),
  }),
  walletHotkey: setting({
    flag: '--wallet.hotkey',
    value: '<name>',
    env: 'BT_WALLET_HOTKEY',
    default: 'default',
    help: 'Hotkey in that wallet',
    parse: z.string().pipe(z.string().min(1)),
  }),
  walletPath: setting({
    flag: '--wallet.path',
    value: '<dir>',
    env: 'BT_WALLET_PATH',
    default: join('~', '.bittensor', 'wallets'),
    help: 'Where wallets are',
    parse: z.string().pipe(path),
  }),
  hotkeyFile: setting({
    flag: '--hotkey-file',
    value: '<path>',
    env: 'COMPUTE_HOTKEY_FILE',
    default: null,
    help: 'The hotkey file itself, instead of the three above',
    parse: maybe(z.string().min(1).pipe(path)),
  }),
}

type WalletNames = { walletName: string; walletHotkey: string; walletPath: string; hotkeyFile: string | null }
export type Resolved<V extends WalletNames> = Omit<V, keyof WalletNames> & { hotkeyFile: string }

/** Turns settings into a config: the ways to name the hotkey become one path. */
export function toConfig<V extends WalletNames>({ walletName, walletHotkey, walletPath, hotkeyFile, ...rest }: V): Resolved<V> {
  return { ...rest, hotkeyFile: hotkeyFile ?? hotkeyPath(walletPath, walletName, walletHotkey) }
}
