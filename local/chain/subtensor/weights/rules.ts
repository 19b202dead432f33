import type { Context } from '../../types.ts'
import { ensure, get, indexOf, mechanismExists, ownerUid, uidOf } from '../state.ts'
import { mayWeigh } from '../stake.ts'

export type WeightsCall = { netuid: number; mechanism: number; uids: number[]; values: number[]; versionKey: bigint }

const MAX_U16 = 65535

/** All that is asked of weights, in the runtime's order (spec 425, subnets/weights.rs); the uid that set them. */
export function checkWeights(ctx: Context, who: string, call: WeightsCall): number {
  const { netuid, mechanism, uids, values, versionKey } = call
  ensure(netuid !== 0, 'CanNotSetRootNetworkWeights')
  ensure(uids.length === values.length, 'WeightVecNotEqualSize')
  ensure(mechanismExists(ctx, netuid, mechanism), 'MechanismDoesNotExist')
  const n = get<number>(ctx, 'SubnetworkN', netuid)
  ensure(uids.length <= n, 'UidsLengthExceedUidsInSubNet')
  const uid = uidOf(ctx, netuid, who)
  ensure(uid !== null, 'HotKeyNotRegisteredInSubNet')
  ensure(mayWeigh(ctx, netuid, who), 'NotEnoughStakeToSetWeights')
  const wanted = get<bigint>(ctx, 'WeightsVersionKey', netuid)
  ensure(wanted === 0n || versionKey >= wanted, 'IncorrectWeightVersionKey')
  const hidden = get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid)
  ensure(hidden || passesRateLimit(ctx, netuid, mechanism, uid), 'SettingWeightsTooFast')
  const self = uids.length === 1 && uids[0] === uid
  ensure(self || uid === ownerUid(ctx, netuid) || get<boolean[]>(ctx, 'ValidatorPermit', netuid)[uid] === true, 'NeuronNoValidatorPermit')
  ensure(new Set(uids).size === uids.length, 'DuplicateUids')
  ensure(
    uids.every((other) => other < n),
    'UidVecContainInvalidOne',
  )
  ensure(self || values.length >= Math.min(n, get<number>(ctx, 'MinAllowedWeights', netuid)), 'WeightVecLengthIsLow')
  ensure(self || withinLimit(upscale(values), get<number>(ctx, 'MaxWeightsLimit', netuid)), 'MaxWeightExceeded')
  return uid
}

/** Whether enough blocks went by since this uid's last call for the mechanism. Registration counts as one. Never for a mechanism that is not there. */
export function passesRateLimit(ctx: Context, netuid: number, mechanism: number, uid: number): boolean {
  if (!mechanismExists(ctx, netuid, mechanism)) return false
  const index = indexOf(netuid, mechanism)
  const last = get<bigint[]>(ctx, 'LastUpdate', index)[uid] ?? 0n
  return last === 0n || BigInt(ctx.block) - last >= get<bigint>(ctx, 'WeightsSetRateLimit', netuid)
}

/** So that the largest is 65535. Only zeros stay as they are. */
export function upscale(values: number[]): number[] {
  const most = values.reduce((a, b) => Math.max(a, b), 0)
  return most === 0 ? values : values.map((value) => Math.round((value * MAX_U16) / most))
}

/** Whether no value is more than its share (of 65535) of their sum. */
export function withinLimit(values: number[], limit: number): boolean {
  if (limit === MAX_U16) return true
  const sum = values.reduce((a, b) => a + b, 0)
  return values.every((value) => value * MAX_U16 <= limit * sum)
}
