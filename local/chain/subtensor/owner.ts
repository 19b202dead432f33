import { type CallContext, DispatchFailure, type Pallet, type PalletText, type Value } from '../types.ts'
import { ensureInTime, ensureTempoInTime, recordChange, recordTempo } from './limits.ts'
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
  ensureTempoInTime(ctx, netuid)
  put(ctx, 'Tempo', [netuid], tempo)
  put(ctx, 'LastEpochBlock', [netuid], BigInt(ctx.block))
  emit(ctx, 'TempoSet', netuid, tempo)
  recordTempo(ctx, netuid)
}

function setCutoff(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, factor_milli } = args as { netuid: number; factor_milli: number }
  ensureOwner(ctx, netuid)
  ensure(factor_milli >= CUTOFF.least && factor_milli <= CUTOFF.most, 'ActivityCutoffFactorMilliOutOfBounds')
  ensureOpen(ctx, netuid)
  ensureInTime(ctx, netuid, 'ActivityCutoffFactorMilli')
  put(ctx, 'ActivityCutoffFactorMilli', [netuid], factor_milli)
  emit(ctx, 'ActivityCutoffFactorMilliSet', netuid, factor_milli)
  recordChange(ctx, netuid, 'ActivityCutoffFactorMilli')
}

/** An epoch before its time, but not where commits count on it. */
function triggerEpoch(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid } = args as { netuid: number }
  ensureOwner(ctx, netuid)
  ensure(!get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid), 'DynamicTempoBlockedByCommitReveal')
  ensure(get<bigint>(ctx, 'PendingEpochAt', netuid) === 0n, 'EpochTriggerAlreadyPending')
  const window = BigInt(get<number>(ctx, 'AdminFreezeWindow'))
  ensure(untilEpoch(ctx, netuid) >= window, 'AutoEpochAlreadyImminent')
  ensureInTime(ctx, netuid, 'TriggerEpoch')
  const at = BigInt(ctx.block) + window
  put(ctx, 'PendingEpochAt', [netuid], at)
  recordChange(ctx, netuid, 'TriggerEpoch')
  emit(ctx, 'EpochTriggered', netuid, ctx.who, at)
}

/** Source: spec 425, set_reveal_period. */
const REVEAL_PERIOD = { least: 1n, most: 100n }

function setCommitReveal(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, enabled } = args as { netuid: number; enabled: boolean }
  beginChange(ctx, netuid, 'CommitRevealEnabled')
  put(ctx, 'CommitRevealWeightsEnabled', [netuid], enabled)
  emit(ctx, 'CommitRevealEnabled', netuid, enabled)
  recordChange(ctx, netuid, 'CommitRevealEnabled')
}

function setRevealPeriod(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, interval } = args as { netuid: number; interval: bigint }
  beginChange(ctx, netuid, 'WeightCommitInterval')
  ensure(interval <= REVEAL_PERIOD.most, 'RevealPeriodTooLarge')
  ensure(interval >= REVEAL_PERIOD.least, 'RevealPeriodTooSmall')
  put(ctx, 'RevealPeriodEpochs', [netuid], interval)
  emit(ctx, 'CommitRevealPeriodsSet', netuid, interval)
  recordChange(ctx, netuid, 'WeightCommitInterval')
}

/** What AdminUtils asks first; in another order than the calls above. */
function beginChange(ctx: CallContext, netuid: number, change: Parameters<typeof recordChange>[2]): void {
  ensureOwner(ctx, netuid)
  ensureInTime(ctx, netuid, change)
  ensureOpen(ctx, netuid)
}

/** The pallet through which owners change most; root, who may too, signs nothing here. */
export const ADMIN_PALLET: PalletText = {
  index: 19,
  path: 'pallet_admin_utils',
  calls: 'sudo_set_commit_reveal_weights_enabled 49: netuid u16, enabled bool; sudo_set_commit_reveal_weights_interval 57: netuid u16, interval u64',
}
export const ADMIN: Pallet = {
  name: 'AdminUtils',
  calls: { sudo_set_commit_reveal_weights_enabled: setCommitReveal, sudo_set_commit_reveal_weights_interval: setRevealPeriod },
}

/** What an owner may change. */
export const OWNER_CALLS: Pallet['calls'] = { set_tempo: setTempo, set_activity_cutoff_factor: setCutoff, trigger_epoch: triggerEpoch }
