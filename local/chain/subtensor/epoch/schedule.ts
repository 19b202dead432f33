import type { Context } from '../../types.ts'
import { get, subnets } from '../state.ts'

/** Longest tempo; a subnet that had no step for longer gets one. Source: spec 425, MAX_TEMPO. */
const MAX_TEMPO = 50_400n

/** Whether this block is the subnet's epoch, before its coinbase ran. Source: spec 425, should_run_epoch. */
export function isDue(ctx: Context, netuid: number): boolean {
  const now = BigInt(ctx.block)
  const tempo = BigInt(get<number>(ctx, 'Tempo', netuid))
  if (tempo === 0n) return false
  const pending = get<bigint>(ctx, 'PendingEpochAt', netuid)
  if (pending > 0n && now >= pending) return true
  if (get<bigint>(ctx, 'BlocksSinceLastStep', netuid) > MAX_TEMPO) return true
  return now - get<bigint>(ctx, 'LastEpochBlock', netuid) >= tempo
}

/** The epoch commits and reveals of this block belong to: the next one already when it is due but not begun. */
export function epochNow(ctx: Context, netuid: number): bigint {
  return get<bigint>(ctx, 'SubnetEpochIndex', netuid) + (isDue(ctx, netuid) ? 1n : 0n)
}

/** Block of the next epoch; null for a subnet without epochs. */
export function nextEpoch(ctx: Context, netuid: number): bigint | null {
  const tempo = BigInt(get<number>(ctx, 'Tempo', netuid))
  if (tempo === 0n) return null
  const regular = get<bigint>(ctx, 'LastEpochBlock', netuid) + tempo
  const pending = get<bigint>(ctx, 'PendingEpochAt', netuid)
  return pending > 0n && pending < regular ? pending : regular
}

/** Subnets whose epoch is due in this block, and those of them that must wait for the next because too many are. Root has none. */
export function dueNow(ctx: Context): { run: number[]; deferred: number[] } {
  const due = subnets(ctx).filter((netuid) => netuid !== 0 && isDue(ctx, netuid))
  const most = get<number>(ctx, 'MaxEpochsPerBlock')
  return { run: due.slice(0, most), deferred: due.slice(most) }
}
