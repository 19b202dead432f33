import { createHash } from 'node:crypto'
import type { Context, Value } from '../types.ts'
import { associate } from './accounts.ts'
import { get, indexOf, put } from './state.ts'

const RAO = 1_000_000_000n
/** Documentation range 198.18.0.0/15, one address each. */
const FIRST_IP = 0xc612_0000n

/** Adds neurons of made-up keys, each list written once: one by one, thousands take minutes. Raises MaxAllowedUids where it must. */
export function populate(ctx: Context, netuid: number, more: number): number {
  const before = get<number>(ctx, 'SubnetworkN', netuid)
  const n = before + more
  if (n > get<number>(ctx, 'MaxAllowedUids', netuid)) put(ctx, 'MaxAllowedUids', [netuid], n)
  put(ctx, 'SubnetworkN', [netuid], n)
  for (let uid = before; uid < n; uid++) addOne(ctx, netuid, uid)
  const validators = get<number>(ctx, 'MaxAllowedValidators', netuid)
  grow(ctx, 'ValidatorPermit', netuid, before, n, (uid) => uid < validators)
  grow(ctx, 'Active', netuid, before, n, () => true)
  grow(ctx, 'Emission', netuid, before, n, (uid) => BigInt(uid) * 1000n)
  for (const item of ['Consensus', 'Dividends', 'ValidatorTrust']) grow(ctx, item, netuid, before, n, () => 0)
  grow(ctx, 'Incentive', indexOf(netuid, 0), before, n, (uid) => uid % 1000)
  grow(ctx, 'LastUpdate', indexOf(netuid, 0), before, n, () => BigInt(ctx.block))
  return n
}

function addOne(ctx: Context, netuid: number, uid: number): void {
  const hotkey = syntheticKey(`hotkey ${netuid} ${uid}`)
  const block = BigInt(ctx.block)
  associate(ctx, syntheticKey(`coldkey ${netuid} ${uid}`), hotkey)
  put(ctx, 'Keys', [netuid, uid], hotkey)
  put(ctx, 'Uids', [netuid, hotkey], uid)
  put(ctx, 'BlockAtRegistration', [netuid, uid], block)
  put(ctx, 'IsNetworkMember', [hotkey, netuid], true)
  // More for those who came first: they are the validators at the next epoch too.
  put(ctx, 'TotalHotkeyAlpha', [hotkey, netuid], RAO * BigInt(100_000 - uid))
  const axon = { block, version: 183, ip: FIRST_IP + BigInt(uid), port: 8091, ip_type: 4, protocol: 4, placeholder1: 0, placeholder2: 0 }
  put(ctx, 'Axons', [netuid, hotkey], axon)
}

function grow(ctx: Context, item: string, index: number, before: number, n: number, value: (uid: number) => Value): void {
  const list = get<Value[]>(ctx, item, index)
  put(ctx, item, [index], [...list, ...Array.from({ length: n - before }, (_, i) => value(before + i))])
}

/** A public key nobody can sign for. */
export function syntheticKey(of: string): string {
  return `0x${createHash('sha256').update(of).digest('hex')}`
}
