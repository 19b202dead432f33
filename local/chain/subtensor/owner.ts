import { type CallContext, DispatchFailure, type Pallet, type Value } from '../types.ts'
import { emit, ensure, get, put } from './state.ts'

/** Source: spec 425, MIN_TEMPO, MAX_TEMPO, and the bounds of ActivityCutoffFactorMilli. */
const TEMPO = { least: 360, most: 50_400 }
const CUTOFF = { least: 1_000, most: 50_000 }

function ensureOwner(ctx: CallContext, netuid: number): void {
  if (get<string>(ctx, 'SubnetOwner', netuid) !== ctx.who) throw new DispatchFailure('BadOrigin')
}

/** Owners may not change much right before an epoch. */
function ensureOpen(ctx: CallContext, netuid: number): void {
  const pending = get<bigint>(ctx, 'PendingEpochAt', netuid)
  const frozen = pending > BigInt(ctx.block) || untilEpoch(ctx, netuid) < BigInt(get<number>(ctx, 'AdminFreezeWindow'))
  ensure(get<number>(ctx, 'Tempo', netuid) === 0 || !frozen, 'AdminActionProhibitedDuringWeightsWindow')
}

function untilEpoch(ctx: CallContext, netuid: number): bigint {
  const left = get<bigint>(ctx, 'LastEpochBlock', netuid) + BigInt(get<number>(ctx, 'Tempo', netuid)) - BigInt(ctx.block)
  return left > 0n ? left : 0n
}

/** The count to the next epoch begins anew. */
function setTempo(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, tempo } = args as { netuid: number; tempo: number }
  ensureOwner(ctx, netuid)
  ensure(tempo >= TEMPO.least && tempo <= TEMPO.most, 'TempoOutOfBounds')
  ensureOpen(ctx, netuid)
  put(ctx, 'Tempo', [netuid], tempo)
  put(ctx, 'LastEpochBlock', [netuid], BigInt(ctx.block))
  emit(ctx, 'TempoSet', netuid, tempo)
}

function setCutoff(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, factor_milli } = args as { netuid: number; factor_milli: number }
  ensureOwner(ctx, netuid)
  ensure(factor_milli >= CUTOFF.least && factor_milli <= CUTOFF.most, 'ActivityCutoffFactorMilliOutOfBounds')
  ensureOpen(ctx, netuid)
  put(ctx, 'ActivityCutoffFactorMilli', [netuid], factor_milli)
  emit(ctx, 'ActivityCutoffFactorMilliSet', netuid, factor_milli)
}

/** An epoch before its time, but not where commits count on it. */
function triggerEpoch(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid } = args as { netuid: number }
  ensureOwner(ctx, netuid)
  ensure(!get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid), 'DynamicTempoBlockedByCommitReveal')
  ensure(get<bigint>(ctx, 'PendingEpochAt', netuid) === 0n, 'EpochTriggerAlreadyPending')
  const window = BigInt(get<number>(ctx, 'AdminFreezeWindow'))
  ensure(untilEpoch(ctx, netuid) >= window, 'AutoEpochAlreadyImminent')
  const at = BigInt(ctx.block) + window
  put(ctx, 'PendingEpochAt', [netuid], at)
  emit(ctx, 'EpochTriggered', netuid, ctx.who, at)
}

/** What an owner may change. The live chain also limits how often. */
export const OWNER_CALLS: Pallet['calls'] = { set_tempo: setTempo, set_activity_cutoff_factor: setCutoff, trigger_epoch: triggerEpoch }
