import type { CallContext, Value } from '../types.ts'
import { ensure, get, put } from './state.ts'

/** Changes of the subnet's owner that share their limit with nothing else, by the names of the runtime's Hyperparameter. */
type Change = 'CommitRevealEnabled' | 'WeightCommitInterval' | 'ActivityCutoffFactorMilli' | 'TriggerEpoch'

/** Index of TransactionType::TempoUpdate, and the blocks between two (MIN_TEMPO). Source: spec 425, utils/rate_limiting.rs. */
const TEMPO_UPDATE = { index: 11, blocks: 360n }

/** The first is always in time. */
function passes(ctx: CallContext, last: bigint, limit: bigint): boolean {
  return last === 0n || BigInt(ctx.block) - last >= limit
}

const keyOf = (netuid: number, change: Change): Value => ({ OwnerHyperparamUpdate: [netuid, change] })

/** So many tempos must lie between two changes of one kind. */
export function ensureInTime(ctx: CallContext, netuid: number, change: Change): void {
  const limit = BigInt(get<number>(ctx, 'Tempo', netuid)) * BigInt(get<number>(ctx, 'OwnerHyperparamRateLimit'))
  ensure(passes(ctx, get<bigint>(ctx, 'LastRateLimitedBlock', keyOf(netuid, change)), limit), 'TxRateLimitExceeded')
}

export function recordChange(ctx: CallContext, netuid: number, change: Change): void {
  put(ctx, 'LastRateLimitedBlock', [keyOf(netuid, change)], BigInt(ctx.block))
}

export function ensureTempoInTime(ctx: CallContext, netuid: number): void {
  ensure(passes(ctx, get<bigint>(ctx, 'TransactionKeyLastBlock', ctx.who, netuid, TEMPO_UPDATE.index), TEMPO_UPDATE.blocks), 'TxRateLimitExceeded')
}

export function recordTempo(ctx: CallContext, netuid: number): void {
  put(ctx, 'TransactionKeyLastBlock', [ctx.who, netuid, TEMPO_UPDATE.index], BigInt(ctx.block))
}
