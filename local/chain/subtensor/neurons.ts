import type { Context, Value } from '../types.ts'
import { append, entries, get, indices, put, putAt, remove, touch } from './state.ts'

/** What is kept per uid, with the value of somebody new. Source: spec 425, subnets/uids.rs. */
const FRESH: [item: string, value: Value][] = [
  ['Active', true],
  ['Emission', 0n],
  ['Consensus', 0],
  ['Dividends', 0],
  ['ValidatorTrust', 0],
  ['ValidatorPermit', false],
]
const SERVED = ['Axons', 'NeuronCertificates', 'Prometheus']

/** Gives a hotkey the next uid. */
export function appendNeuron(ctx: Context, netuid: number, hotkey: string): number {
  const uid = get<number>(ctx, 'SubnetworkN', netuid)
  put(ctx, 'SubnetworkN', [netuid], uid + 1)
  for (const [item, value] of FRESH) append(ctx, item, netuid, value)
  for (const index of indices(ctx, netuid)) {
    append(ctx, 'Incentive', index, 0)
    touch(ctx, netuid, index, uid)
  }
  enter(ctx, netuid, uid, hotkey)
  return uid
}

/** Gives a hotkey the uid of another, of whom nothing stays but what others' weights say: a zero. */
export function replaceNeuron(ctx: Context, netuid: number, uid: number, hotkey: string): void {
  leave(ctx, netuid, uid)
  enter(ctx, netuid, uid, hotkey)
  for (const [item, value] of FRESH) putAt(ctx, item, netuid, uid, value)
  putAt(ctx, 'StakeWeight', netuid, uid, 0)
  for (const index of indices(ctx, netuid)) {
    putAt(ctx, 'Incentive', index, uid, 0)
    touch(ctx, netuid, index, uid)
    remove(ctx, 'Bonds', index, uid)
    remove(ctx, 'Weights', index, uid)
    forget(ctx, index, uid)
  }
}

/** Weights for somebody who left are zero. */
function forget(ctx: Context, index: number, uid: number): void {
  for (const [[setter], row] of entries<[number, number][]>(ctx, 'Weights', index)) {
    if (setter === undefined || !row.some(([of, share]) => of === uid && share > 0)) continue
    put(
      ctx,
      'Weights',
      [index, setter],
      row.map(([of, share]) => [of, of === uid ? 0 : share]),
    )
  }
}

function enter(ctx: Context, netuid: number, uid: number, hotkey: string): void {
  put(ctx, 'Keys', [netuid, uid], hotkey)
  put(ctx, 'Uids', [netuid, hotkey], uid)
  put(ctx, 'BlockAtRegistration', [netuid, uid], BigInt(ctx.block))
  put(ctx, 'IsNetworkMember', [hotkey, netuid], true)
}

function leave(ctx: Context, netuid: number, uid: number): void {
  const hotkey = get<string>(ctx, 'Keys', netuid, uid)
  remove(ctx, 'Uids', netuid, hotkey)
  remove(ctx, 'IsNetworkMember', hotkey, netuid)
  for (const item of SERVED) remove(ctx, item, netuid, hotkey)
}

/** Uids in their order. */
export function hotkeysOf(ctx: Context, netuid: number): string[] {
  return Array.from({ length: get<number>(ctx, 'SubnetworkN', netuid) }, (_, uid) => get<string>(ctx, 'Keys', netuid, uid))
}
