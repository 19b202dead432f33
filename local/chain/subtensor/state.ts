import { type Context, DispatchFailure, type Value } from '../types.ts'

/** Reading and writing SubtensorModule's own storage, without its name before every item. */

const PALLET = 'SubtensorModule'
/** Subnets stand at most so many apart in an index over mechanisms. Source: GLOBAL_MAX_SUBNET_COUNT. */
const MAX_SUBNETS = 4096

export function get<T extends Value = Value>(ctx: Context, item: string, ...keys: Value[]): T {
  return ctx.storage.get<T>(`${PALLET}.${item}`, ...keys)
}

export function put(ctx: Context, item: string, keys: Value[], value: Value): void {
  ctx.storage.put(`${PALLET}.${item}`, keys, value)
}

export function remove(ctx: Context, item: string, ...keys: Value[]): void {
  ctx.storage.remove(`${PALLET}.${item}`, keys)
}

export function entries<T extends Value = Value>(ctx: Context, item: string, ...keys: Value[]): [keys: Value[], value: T][] {
  return ctx.storage.entries<T>(`${PALLET}.${item}`, ...keys)
}

export function emit(ctx: Context, event: string, ...fields: Value[]): void {
  ctx.emit(`${PALLET}.${event}`, ...fields)
}

/** The call fails by this name unless it holds. */
export function ensure(holds: boolean, error: string): asserts holds {
  if (!holds) throw failure(error)
}

export function failure(error: string): DispatchFailure {
  return new DispatchFailure(`${PALLET}.${error}`)
}

/** The key of weights, incentive and last updates of a mechanism (0: the subnet itself). */
export function indexOf(netuid: number, mechanism: number): number {
  return Math.min(mechanism * MAX_SUBNETS, 65535) + netuid
}

export function exists(ctx: Context, netuid: number): boolean {
  return get<boolean>(ctx, 'NetworksAdded', netuid)
}

export function subnets(ctx: Context): number[] {
  return entries<boolean>(ctx, 'NetworksAdded').flatMap(([[netuid], added]) => (added && typeof netuid === 'number' ? [netuid] : []))
}

export function mechanismExists(ctx: Context, netuid: number, mechanism: number): boolean {
  return exists(ctx, netuid) && mechanism < get<number>(ctx, 'MechanismCountCurrent', netuid)
}

/** Storage indices of a subnet's mechanisms. */
export function indices(ctx: Context, netuid: number): number[] {
  return Array.from({ length: get<number>(ctx, 'MechanismCountCurrent', netuid) }, (_, mechanism) => indexOf(netuid, mechanism))
}

export function uidOf(ctx: Context, netuid: number, hotkey: string): number | null {
  return get<number | null>(ctx, 'Uids', netuid, hotkey)
}

/** Null: the owner's hotkey is not registered. */
export function ownerUid(ctx: Context, netuid: number): number | null {
  return uidOf(ctx, netuid, get<string>(ctx, 'SubnetOwnerHotkey', netuid))
}

/** Changes one place of a list that is kept per uid; nothing where the list is shorter. */
export function putAt(ctx: Context, item: string, key: number, uid: number, value: Value): void {
  const list = get<Value[]>(ctx, item, key)
  if (uid < list.length) put(ctx, item, [key], list.toSpliced(uid, 1, value))
}

export function append(ctx: Context, item: string, key: Value, value: Value): void {
  put(ctx, item, [key], [...get<Value[]>(ctx, item, key), value])
}

/** Says that a uid's weights are of this block, for one mechanism; the list grows to all uids when a mechanism is new. */
export function touch(ctx: Context, netuid: number, index: number, uid: number): void {
  const updates = get<bigint[]>(ctx, 'LastUpdate', index)
  const missing = Math.max(0, get<number>(ctx, 'SubnetworkN', netuid) - updates.length)
  put(ctx, 'LastUpdate', [index], [...updates, ...Array<bigint>(missing).fill(0n)].with(uid, BigInt(ctx.block)))
}
