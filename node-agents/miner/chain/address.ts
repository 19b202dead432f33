import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv4 } from 'node:net'
import { VERSION_INT } from '../../../schema/index.ts'
import { Mistake, reason } from '../../core/mistake.ts'
import type { MinerConfig } from '../config.ts'
import { IPV4 } from '../docker/rules.ts'
import type { Announcement, Kind } from '../../core/chain/announce.ts'

/** Where the original says that its metrics are, whether anybody listens there or not: what counts to its readers is the version. */
const PROMETHEUS_PORT = 8091

export type Place = Pick<MinerConfig, 'address' | 'axonIp' | 'axonPort' | 'metrics'>

/** Every address of a name. */
export type Lookup = (name: string) => Promise<string[]>
const realLookup: Lookup = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)

const closed = new BlockList()
for (const range of [...IPV4.ranges, 'fc00::/7', 'fe80::/10', '::1/128', '2001:db8::/32']) {
  const [net = '', bits] = range.split('/')
  closed.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6')
}

/** Whether others on the internet can reach an address: no private, link-local, loopback or documentation range. */
export function isPublic(ip: string): boolean {
  return !closed.check(ip, isIPv4(ip) ? 'ipv4' : 'ipv6')
}

/**
 * The address to announce: --axon-ip, else --address, else what its name leads to. A name with several answers keeps the one that is
 * on chain, so that their order costs no call. Rejects with a `Mistake` when the name leads nowhere.
 */
export async function ipOf({ axonIp, address }: Pick<Place, 'axonIp' | 'address'>, onChain: string | null, find: Lookup = realLookup): Promise<string> {
  const given = axonIp ?? address
  if (isIP(given) !== 0) return given
  const answers = await find(given).catch((error: unknown) => {
    throw new Mistake(`--address ${given} leads to no IP address to announce on chain (${reason(error)}): put it right in DNS, or give --axon-ip`, error)
  })
  const ip = answers.find((a) => a === onChain) ?? answers.find(isIPv4) ?? answers[0]
  if (ip === undefined) throw new Mistake(`--address ${given} leads to no IP address to announce on chain: put it right in DNS, or give --axon-ip`)
  return ip
}

/** What this host announces: its metrics where they are served to the public, else the version alone matters. */
export function wantedOf({ axonPort, metrics }: Pick<Place, 'axonPort' | 'metrics'>, ip: string): Record<Kind, Announcement> {
  const open = metrics && isPublic(metrics.host) ? { ip: metrics.host, port: metrics.port } : { ip, port: PROMETHEUS_PORT }
  return { axon: { ip, port: axonPort, version: VERSION_INT }, prometheus: { ...open, version: VERSION_INT } }
}
