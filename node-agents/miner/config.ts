import { isIP } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import * as z from 'zod'
import { hostName, imageReference } from '../../schema/index.ts'
import { hotkeyPath } from '../core/hotkey.ts'
import { LOG_LEVELS } from '../core/log.ts'
import { type Setting, setting, type Values } from '../core/settings.ts'
import { portRange } from './ports-range.ts'
import { simulateGpu } from './simulate.ts'

export type Registration = { url: string; /** RFC 7638 thumbprint of the edge's key, base64url. */ pin: string }

function loopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.[0-9]{1,3}){3}$/.test(host)
}

const REGISTRATION = 'the registration string your edge gave you, "https://edge.example#fingerprint"'

/** Parses the registration string: where the edge is, and which key it must show. */
export const registrationString = z.string({ error: `give ${REGISTRATION}` }).transform((text, ctx): Registration => {
  const refuse = (message: string) => {
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  const url = URL.parse(text.trim())
  if (!url || !/^https?:$/.test(url.protocol)) return refuse(`give ${REGISTRATION}`)
  if (url.protocol === 'http:' && !loopback(url.hostname)) return refuse('plain http is only for an edge on this machine: use https')
  if (url.pathname !== '/' || url.search || url.username || url.password) return refuse('only scheme, host and port may stand before the "#"')
  const pin = url.hash.slice(1)
  if (!/^[A-Za-z0-9_-]{43}$/.test(pin)) return refuse(`the part after "#" must be the 43 characters of the edge key's fingerprint: give ${REGISTRATION}`)
  return { url: url.origin, pin }
})

/** A missing value is null; a present one goes through `inner`, and fails with its message. */
const maybe = <T>(inner: z.ZodType<T, string>) =>
  z
    .string()
    .optional()
    .transform((text, ctx): T | null => {
      if (text === undefined) return null
      const parsed = inner.safeParse(text)
      if (parsed.success) return parsed.data
      for (const { message } of parsed.error.issues) ctx.addIssue({ code: 'custom', message })
      return z.NEVER
    })

const positive = z
  .string()
  .regex(/^[1-9][0-9]{0,8}(\.[0-9]+)?$/, 'a number above 0')
  .transform(Number)

const images = z
  .string({ error: 'name the images this host may run, separated by commas' })
  .transform((s) => s.split(',').map((i) => i.trim()))
  .pipe(z.array(imageReference).min(1).max(64))

/** Where metrics are served: one address, because a wildcard would show them to every tenant's bridge. */
const metricsAddress = z.string().transform((text, ctx): { host: string; port: number } => {
  const { host, port = '' } = /^(?:(?<host>.+):)?(?<port>[0-9]{1,5})$/.exec(text.trim())?.groups ?? {}
  const ip = host?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1'
  const refuse = (message: string) => {
    ctx.addIssue({ code: 'custom', message })
    return z.NEVER
  }
  if (isIP(ip) === 0 || port === '' || Number(port) > 65_535) return refuse('an IP address of this host and a port, such as 127.0.0.1:9101')
  if (/^[0:.]+$/.test(ip)) return refuse('name one address: at all of them, tenants could read it too')
  return { host: ip, port: Number(port) }
})

const bindAddress = z.string().refine((s) => isIP(s) !== 0, 'an IP address of this host, such as 0.0.0.0')

export const SETTINGS = {
  edge: setting({
    flag: '--edge',
    value: '<url#fingerprint>',
    env: 'COMPUTE_EDGE',
    default: null,
    help: 'Registration string of the edge this miner serves',
    parse: registrationString,
  }),
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
    parse: z.string().transform(home),
  }),
  hotkeyFile: setting({
    flag: '--hotkey-file',
    value: '<path>',
    env: 'COMPUTE_HOTKEY_FILE',
    default: null,
    help: 'The hotkey file itself, instead of the three above',
    parse: maybe(z.string().min(1).transform(home)),
  }),
  state: setting({
    flag: '--state',
    value: '<dir>',
    env: 'COMPUTE_STATE',
    default: join('~', '.compute', 'miner'),
    help: 'Where the agent keeps its state; one directory per agent',
    parse: z.string().transform(home),
  }),
  address: setting({
    flag: '--address',
    value: '<host>',
    env: 'COMPUTE_ADDRESS',
    default: null,
    help: 'Host name or IP address at which clients reach this host',
    parse: z.string({ error: 'say at which host name or IP address clients reach this host' }).pipe(hostName),
  }),
  bind: setting({
    flag: '--bind',
    value: '<ip>',
    env: 'COMPUTE_BIND',
    default: '0.0.0.0',
    help: 'Address of this host that SSH ports are opened at',
    parse: z.string().pipe(bindAddress),
  }),
  ports: setting({
    flag: '--ports',
    value: '<first-last>',
    env: 'COMPUTE_PORTS',
    default: '20000-29999',
    help: 'Ports for SSH, open to the outside',
    parse: z.string().pipe(portRange),
  }),
  images: setting({
    flag: '--images',
    value: '<a,b>',
    env: 'COMPUTE_IMAGES',
    default: null,
    help: 'Images this host may run; nothing else ever runs, whatever the edge says',
    parse: images,
  }),
  maxCpus: setting({
    flag: '--max-cpus',
    value: '<n>',
    env: 'COMPUTE_MAX_CPUS',
    default: null,
    help: 'CPUs to rent out; default: all',
    parse: maybe(positive),
  }),
  maxMemoryGb: setting({
    flag: '--max-memory-gb',
    value: '<n>',
    env: 'COMPUTE_MAX_MEMORY_GB',
    default: null,
    help: 'GiB of memory to rent out; default: all',
    parse: maybe(positive),
  }),
  simulateGpu: setting({
    flag: '--simulate-gpu',
    value: '<model:count>',
    env: 'COMPUTE_SIMULATE_GPU',
    default: null,
    help: 'Pretend to have GPUs, such as "NVIDIA H200:8" (development edges only)',
    parse: maybe(simulateGpu),
  }),
  prepull: setting({
    flag: '--prepull',
    value: '<yes|no>',
    env: 'COMPUTE_PREPULL',
    default: 'yes',
    help: 'Pull the images of --images that are not here yet, before somebody waits for one',
    parse: z
      .string()
      .pipe(z.enum(['yes', 'no'], 'yes or no'))
      .transform((s) => s === 'yes'),
  }),
  metrics: setting({
    flag: '--metrics',
    value: '<ip:port>',
    env: 'COMPUTE_METRICS',
    default: null,
    help: 'Serve Prometheus metrics there, such as 127.0.0.1:9101; a port alone means 127.0.0.1',
    parse: maybe(metricsAddress),
  }),
  missingAfterS: setting({
    flag: '--missing-after',
    value: '<seconds>',
    env: 'COMPUTE_MISSING_AFTER',
    default: '120',
    help: 'A rented container that the engine does not show for this long is lost',
    parse: z.string().pipe(positive),
  }),
  reconnectJitterMs: setting({
    flag: '--reconnect-jitter-ms',
    value: '<ms>',
    env: 'COMPUTE_RECONNECT_JITTER_MS',
    default: '60000',
    help: 'Spread of reconnects after the edge dropped its sockets',
    parse: z
      .string()
      .pipe(z.string().regex(/^[0-9]{1,6}$/, 'milliseconds, 0 to 999999'))
      .transform(Number),
  }),
  disk: setting({
    flag: '--disk',
    value: '<auto|volume|shared>',
    env: 'COMPUTE_DISK',
    default: 'auto',
    help: 'What bounds what a container writes: auto (quotas of the engine, else a disk of its own at /work, else nothing), volume, shared',
    parse: z.string().pipe(z.enum(['auto', 'volume', 'shared'], 'auto, volume or shared')),
  }),
  diskReserveGb: setting({
    flag: '--disk-reserve-gb',
    value: '<n>',
    env: 'COMPUTE_DISK_RESERVE_GB',
    default: null,
    help: "GB of the engine's disk that tenants may not fill; default: 10 % of it, at most 20",
    parse: maybe(positive),
  }),
  networks: setting({
    flag: '--networks',
    value: '<cidr>',
    env: 'COMPUTE_NETWORKS',
    default: '198.18.0.0/15',
    help: 'Private addresses to take the networks of containers from, eight for each',
    parse: z.string().pipe(z.cidrv4('a range of IPv4 addresses, such as 198.18.0.0/15')),
  }),
  dns: setting({
    flag: '--dns',
    value: '<a,b>',
    env: 'COMPUTE_DNS',
    default: '1.1.1.1,8.8.8.8',
    help: 'Public resolvers for containers; private ones are closed to them',
    parse: z
      .string()
      .transform((s) => s.split(',').map((i) => i.trim()))
      .pipe(z.array(z.ipv4('IPv4 addresses, separated by commas')).min(1).max(3)),
  }),
  docker: setting({
    flag: '--docker',
    value: '<socket>',
    env: 'DOCKER_HOST',
    default: 'unix:///var/run/docker.sock',
    help: 'Socket of the Docker Engine',
    parse: z
      .string()
      .pipe(z.string().regex(/^(unix:\/\/)?\/.+/, 'the path of a Unix socket, such as unix:///var/run/docker.sock'))
      .transform((s) => s.replace(/^unix:\/\//, '')),
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

function home(path: string): string {
  return resolve(path.replace(/^~(?=\/|$)/, homedir()))
}

/** The same setting where nothing depends on it: null when it is not given. */
function optional<T>(s: Setting<T>): Setting<T | null> {
  return { ...s, parse: maybe(s.parse as z.ZodType<T, string>) }
}

/** For a look at a host that no agent needs to run on yet. */
export const CHECK_SETTINGS = { ...SETTINGS, edge: optional(SETTINGS.edge), address: optional(SETTINGS.address), images: optional(SETTINGS.images) }

type WalletNames = { walletName: string; walletHotkey: string; walletPath: string; hotkeyFile: string | null }
type Resolved<V extends WalletNames> = Omit<V, keyof WalletNames> & { hotkeyFile: string }

/** Everything a miner agent needs to know, resolved once. Makes a good argument for an agent started in-process. */
export type MinerConfig = Resolved<Values<typeof SETTINGS>>
export type CheckConfig = Resolved<Values<typeof CHECK_SETTINGS>>

/** Turns the settings into a config: three ways to name the hotkey become one path. */
export function toConfig<V extends WalletNames>({ walletName, walletHotkey, walletPath, hotkeyFile, ...rest }: V): Resolved<V> {
  return { ...rest, hotkeyFile: hotkeyFile ?? hotkeyPath(walletPath, walletName, walletHotkey) }
}
