import type { CallContext, Context, Pallet, Value } from '../types.ts'
import { emit, ensure, get, put, uidOf } from './state.ts'

/** What is served, as the calls and the storage name it. */
export type Served = { version: number; ip: bigint; port: number; ip_type: number }
export type Axon = Served & { protocol: number; placeholder1: number; placeholder2: number }
type On = { netuid: number }
type Last = { block: bigint } | null

/** What an axon call asks for, in the runtime's order (spec 425, subnets/serving.rs). */
export function checkAxon(ctx: Context, who: string, { netuid, ip, ip_type, port }: Served & On): void {
  ensure(uidOf(ctx, netuid, who) !== null, 'HotKeyNotRegisteredInNetwork')
  ensure(ip_type === 4 || ip_type === 6, 'InvalidIpType')
  ensure(reachable(ip_type, ip), 'InvalidIpAddress')
  ensure(passesRateLimit(ctx, netuid, get<Last>(ctx, 'Axons', netuid, who)), 'ServingRateLimitExceeded')
  ensure(port !== 0, 'InvalidPort')
}

/** Another order than an axon's, and 0 is no address. */
export function checkPrometheus(ctx: Context, who: string, { netuid, ip, ip_type, port }: Served & On): void {
  ensure(ip_type === 4 || ip_type === 6, 'InvalidIpType')
  ensure(ip !== 0n && reachable(ip_type, ip), 'InvalidIpAddress')
  ensure(uidOf(ctx, netuid, who) !== null, 'HotKeyNotRegisteredInNetwork')
  ensure(passesRateLimit(ctx, netuid, get<Last>(ctx, 'Prometheus', netuid, who)), 'ServingRateLimitExceeded')
  ensure(port !== 0, 'InvalidPort')
}

/** Loopback and the highest address are not; private ranges are. 0 stands for "nothing is served". */
export function reachable(ipType: number, ip: bigint): boolean {
  if (ipType === 4) return ip < 0xffff_ffffn && ip !== 0x7f00_0001n
  return ip !== 2n ** 128n - 1n && ip !== 1n
}

function passesRateLimit(ctx: Context, netuid: number, last: Last): boolean {
  const limit = get<bigint>(ctx, 'ServingRateLimit', netuid)
  return limit === 0n || last === null || last.block === 0n || BigInt(ctx.block) - last.block >= limit
}

function serveAxon(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, certificate, ...axon } = args as Axon & On & { certificate?: string }
  checkAxon(ctx, ctx.who, { netuid, ...axon })
  const key = certificate === undefined ? null : parseCertificate(certificate)
  if (key) put(ctx, 'NeuronCertificates', [netuid, ctx.who], key)
  put(ctx, 'Axons', [netuid, ctx.who], { ...axon, block: BigInt(ctx.block) })
  emit(ctx, 'AxonServed', netuid, ctx.who)
}

/** One byte says the algorithm; what is longer than the longest key is left out without a word. */
function parseCertificate(hex: string): { algorithm: number; public_key: string } | null {
  const bytes = Buffer.from(hex.slice(2), 'hex')
  const [algorithm] = bytes
  if (algorithm === undefined || bytes.length > 65) return null
  return { algorithm, public_key: `0x${bytes.subarray(1).toString('hex')}` }
}

function servePrometheus(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, ...served } = args as Served & On
  checkPrometheus(ctx, ctx.who, { netuid, ...served })
  put(ctx, 'Prometheus', [netuid, ctx.who], { ...served, block: BigInt(ctx.block) })
  emit(ctx, 'PrometheusServed', netuid, ctx.who)
}

export const SERVING_CALLS: Pallet['calls'] = { serve_axon: serveAxon, serve_axon_tls: serveAxon, serve_prometheus: servePrometheus }
