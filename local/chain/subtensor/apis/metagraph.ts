import type { Context, Value } from '../../types.ts'
import { METAGRAPH_FIELDS } from '../declare/types.ts'
import { exists } from '../state.ts'
import { View } from './view.ts'

/** Validators and commitments, at the end, are no part of a whole metagraph. */
const SELECTIVE_ONLY = 2

type Answer = (view: View) => Value

const bytesOf = (hex: string): number[] => [...Buffer.from(hex.slice(2), 'hex')]
const none: Answer = () => []
/** What one storage item holds for the subnet. */
const item =
  (name: string): Answer =>
  (view) =>
    view.get(name, view.netuid)
/** The same of the mechanism asked for. */
const ofMechanism =
  (name: string): Answer =>
  (view) =>
    view.get(name, view.index)

/** How each field of a metagraph is worked out. Source: spec 425, rpc_info/metagraph.rs; what is empty there is empty here. */
const ANSWERS: Record<string, Answer> = {
  netuid: (view) => view.netuid,
  name: (view) => [...Buffer.from(nameOf(view))],
  symbol: (view) => bytesOf(view.get<string>('TokenSymbol', view.netuid)),
  identity: item('SubnetIdentitiesV3'),
  network_registered_at: item('NetworkRegisteredAt'),
  owner_hotkey: item('SubnetOwnerHotkey'),
  owner_coldkey: item('SubnetOwner'),
  block: (view) => BigInt(view.ctx.block),
  tempo: item('Tempo'),
  last_step: item('LastMechansimStepBlock'),
  blocks_since_last_step: (view) => BigInt(view.ctx.block) - view.get<bigint>('LastMechansimStepBlock', view.netuid),
  subnet_emission: () => 0n,
  alpha_in: item('SubnetAlphaIn'),
  alpha_out: item('SubnetAlphaOut'),
  tao_in: item('SubnetTAO'),
  alpha_out_emission: item('SubnetAlphaOutEmission'),
  alpha_in_emission: item('SubnetAlphaInEmission'),
  tao_in_emission: item('SubnetTaoInEmission'),
  pending_alpha_emission: (view) => view.get<bigint>('PendingValidatorEmission', view.netuid) + view.get<bigint>('PendingServerEmission', view.netuid),
  pending_root_emission: () => 0n,
  subnet_volume: item('SubnetVolume'),
  moving_price: item('SubnetMovingPrice'),
  rho: item('Rho'),
  kappa: item('Kappa'),
  min_allowed_weights: item('MinAllowedWeights'),
  max_weights_limit: item('MaxWeightsLimit'),
  weights_version: item('WeightsVersionKey'),
  weights_rate_limit: item('WeightsSetRateLimit'),
  activity_cutoff: (view) => view.activityCutoff,
  max_validators: item('MaxAllowedValidators'),
  num_uids: item('SubnetworkN'),
  max_uids: item('MaxAllowedUids'),
  burn: item('Burn'),
  difficulty: item('Difficulty'),
  registration_allowed: item('NetworkRegistrationAllowed'),
  pow_registration_allowed: item('NetworkPowRegistrationAllowed'),
  immunity_period: item('ImmunityPeriod'),
  min_difficulty: item('MinDifficulty'),
  max_difficulty: item('MaxDifficulty'),
  min_burn: item('MinBurn'),
  max_burn: item('MaxBurn'),
  adjustment_alpha: item('AdjustmentAlpha'),
  adjustment_interval: item('AdjustmentInterval'),
  target_regs_per_interval: item('TargetRegistrationsPerInterval'),
  max_regs_per_block: item('MaxRegistrationsPerBlock'),
  serving_rate_limit: item('ServingRateLimit'),
  commit_reveal_weights_enabled: item('CommitRevealWeightsEnabled'),
  commit_reveal_period: item('RevealPeriodEpochs'),
  liquid_alpha_enabled: item('LiquidAlphaOn'),
  alpha_high: (view) => view.get<[number, number]>('AlphaValues', view.netuid)[1],
  alpha_low: (view) => view.get<[number, number]>('AlphaValues', view.netuid)[0],
  bonds_moving_avg: item('BondsMovingAverage'),
  hotkeys: (view) => view.hotkeys,
  coldkeys: (view) => view.coldkeys,
  identities: (view) => view.coldkeys.map((coldkey) => view.get('IdentitiesV2', coldkey)),
  axons: (view) => view.hotkeys.map((hotkey) => view.axon(hotkey)),
  active: item('Active'),
  validator_permit: item('ValidatorPermit'),
  pruning_score: none,
  last_update: ofMechanism('LastUpdate'),
  emission: item('Emission'),
  dividends: item('Dividends'),
  incentives: ofMechanism('Incentive'),
  consensus: item('Consensus'),
  trust: none,
  rank: none,
  block_at_registration: (view) => view.hotkeys.map((_, uid) => view.get('BlockAtRegistration', view.netuid, uid)),
  alpha_stake: (view) => view.stakes.map(({ alpha }) => alpha),
  tao_stake: (view) => view.stakes.map(({ tao }) => tao),
  total_stake: (view) => view.stakes.map(({ total }) => total),
  tao_dividends_per_hotkey: (view) => view.hotkeys.map((hotkey) => [hotkey, 0n]),
  alpha_dividends_per_hotkey: (view) => view.hotkeys.map((hotkey) => [hotkey, view.get('AlphaDividendsPerSubnet', view.netuid, hotkey)]),
  validators,
  commitments: none,
}

/** A name of its own, or what the runtime calls a subnet before its owner gives it one. */
function nameOf(view: View): string {
  const identity = view.get<{ subnet_name: string } | null>('SubnetIdentitiesV3', view.netuid)
  if (identity && identity.subnet_name !== '0x') return Buffer.from(identity.subnet_name.slice(2), 'hex').toString()
  return { 0: 'root', 27: 'compute' }[view.netuid] ?? 'unknown'
}

/** Uids with a permit and stake enough, the least first. */
function validators(view: View): number[] {
  const permits = view.get<boolean[]>('ValidatorPermit', view.netuid)
  const threshold = view.get<bigint>('StakeThreshold')
  const total = (uid: number) => view.stakes[uid]?.total ?? 0n
  const uids = permits.flatMap((permit, uid) => (permit && total(uid) > threshold ? [uid] : []))
  return uids.sort((a, b) => (total(a) < total(b) ? -1 : total(a) > total(b) ? 1 : 0))
}

/** By name, in any order. */
export function fieldsOf(view: View, names: Iterable<string>): Record<string, Value> {
  return Object.fromEntries([...names].map((name) => [name, ANSWERS[name]?.(view) ?? null]))
}

export function wholeMetagraph(ctx: Context, netuid: number): Value {
  return exists(ctx, netuid) ? fieldsOf(new View(ctx, netuid), METAGRAPH_FIELDS.slice(0, -SELECTIVE_ONLY)) : null
}

/** Only the fields asked for. The netuid too: it reads 0 unless index 0 was among them, as at spec 425. */
export function selectiveMetagraph(ctx: Context, netuid: number, wanted: number[]): Value {
  return exists(ctx, netuid) ? pick(new View(ctx, netuid), wanted) : null
}

/** Of one mechanism, and always with its netuid. */
export function selectiveMechagraph(ctx: Context, netuid: number, mechanism: number, wanted: number[]): Value {
  return exists(ctx, netuid) ? pick(new View(ctx, netuid, mechanism), [0, ...wanted]) : null
}

function pick(view: View, wanted: number[]): Record<string, Value> {
  const fields = fieldsOf(view, new Set(wanted.flatMap((index) => METAGRAPH_FIELDS[index] ?? [])))
  // An option in an option.
  return 'identity' in fields ? { ...fields, identity: { Some: fields['identity'] ?? null } } : fields
}
