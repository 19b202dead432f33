import { ChainError } from './errors.ts'
import { ipFromChain, ipToChain } from './ip.ts'
import { amount, count, orNull, type Reader, struct } from './plain.ts'
import type { Axon, Served } from './types.ts'
import type { Link, RuntimeCall } from './wire.ts'

/** Bittensor's `protocol` byte of an axon. */
const PROTOCOL = 4

type Announce = { netuid: number } & Pick<Served, 'ip' | 'port' | 'version'>

const served = (field: <V>(name: string, of: Reader<V>) => V): Served => ({
  ip: ipFromChain(field('ip', amount), field('ipType', count)),
  port: field('port', count),
  version: field('version', count),
  block: field('block', count),
})

/** The runtime's AxonInfo. */
export const axonInfo: Reader<Axon> = struct((field) => ({ ...served(field), protocol: field('protocol', count) }))

const prometheusInfo: Reader<Served> = struct(served)

/** What the chain answers for who never announced an axon. */
export const NO_AXON: Axon = { ip: null, port: 0, version: 0, block: 0, protocol: 0 }

/** Null: never announced. */
export async function readAxon(link: Link, netuid: number, hotkey: string, at: string | undefined): Promise<Axon | null> {
  return orNull(axonInfo)(await link.read('SubtensorModule.Axons', [netuid, hotkey], at), 'Axons')
}

/** Null: never announced. */
export async function readPrometheus(link: Link, netuid: number, hotkey: string, at: string | undefined): Promise<Served | null> {
  return orNull(prometheusInfo)(await link.read('SubtensorModule.Prometheus', [netuid, hotkey], at), 'Prometheus')
}

/**
 * The call that announces an axon; `ip` null takes it back (any port but 0).
 * @throws ChainError what the chain would refuse (`InvalidIpAddress`, `InvalidPort`), before anything is sent
 */
export function axonCall({ netuid, ip, port, version }: Announce): RuntimeCall {
  const on = ipToChain(ip)
  return { name: 'SubtensorModule.serve_axon', args: [netuid, version, on.ip, validPort(port), on.ipType, PROTOCOL, 0, 0] }
}

/** The call that announces where metrics are read. There is none that takes it back. Throws as `axonCall`. */
export function prometheusCall({ netuid, ip, port, version }: Announce): RuntimeCall {
  if (ip === null)
    throw new ChainError('InvalidIpAddress', 'request', 'The chain takes no prometheus without an address: give one, or do not announce it', false)
  const on = ipToChain(ip)
  return { name: 'SubtensorModule.serve_prometheus', args: [netuid, version, on.ip, validPort(port), on.ipType] }
}

function validPort(port: number): number {
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port
  throw new ChainError('InvalidPort', 'request', `The chain takes no port ${port}: give one from 1 to 65535`, false)
}
