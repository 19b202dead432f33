import type { CallContext, Pallet } from '../../types.ts'
import { emit, ensure, get, indexOf, put, touch } from '../state.ts'
import { checkWeights, upscale, type WeightsCall } from './rules.ts'

/** What set_weights, a reveal and the chain's own reveal of a timelocked commit end in. */
export function setWeights(ctx: CallContext, call: WeightsCall): void {
  const index = indexOf(call.netuid, call.mechanism)
  const uid = checkWeights(ctx, ctx.who, call)
  const shares = upscale(call.values)
  put(
    ctx,
    'Weights',
    [index, uid],
    call.uids.map((other, i) => [other, shares[i] ?? 0]),
  )
  // With commit-reveal the time of the commit counts.
  if (!get<boolean>(ctx, 'CommitRevealWeightsEnabled', call.netuid)) touch(ctx, call.netuid, index, uid)
  emit(ctx, 'WeightsSet', index, uid)
}

/** Refused wherever weights have to be committed first. */
export function setOpenly(ctx: CallContext, call: WeightsCall): void {
  ensure(!get<boolean>(ctx, 'CommitRevealWeightsEnabled', call.netuid), 'CommitRevealEnabled')
  setWeights(ctx, call)
}

type Args = { netuid: number; mecid?: number; dests: number[]; weights: number[]; version_key: bigint }

const set = (ctx: CallContext, args: Record<string, unknown>) => {
  const { netuid, mecid = 0, dests, weights, version_key } = args as Args
  setOpenly(ctx, { netuid, mechanism: mecid, uids: dests, values: weights, versionKey: version_key })
}

export const SET_CALLS: Pallet['calls'] = { set_weights: set, set_mechanism_weights: set }
