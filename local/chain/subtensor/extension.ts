import { type CallContext, DispatchFailure, type Value } from '../types.ts'
import { checkAxon, checkPrometheus, type Served } from './serving.ts'
import { ensure, get, indexOf, uidOf } from './state.ts'
import { mayWeigh } from './stake.ts'
import type { Commit } from './weights/commit.ts'
import { ensureEven } from './weights/batch.ts'
import { batchOf, commitHashOf, inWindow, type Revealed } from './weights/reveal.ts'
import { passesRateLimit } from './weights/rules.ts'

/** How the pool names what SubtensorTransactionExtension refuses; all else is 255. Source: spec 425, extensions/subtensor.rs. */
const CODES: Record<string, number> = {
  NotEnoughStakeToSetWeights: 1,
  SubnetNotExists: 3,
  CommittingWeightsTooFast: 6,
  SettingWeightsTooFast: 6,
  HotKeyNotRegisteredInNetwork: 10,
  InvalidIpAddress: 11,
  ServingRateLimitExceeded: 12,
  InvalidPort: 13,
  InvalidRevealRound: 15,
  NoWeightsCommitFound: 16,
  RevealTooEarly: 17,
  InputLengthsUnequal: 18,
  HotKeyNotRegisteredInSubNet: 19,
}
const BAD_REQUEST = 255

/** Every call that sets, commits or reveals weights. */
const WEIGHT_CALL = /^(batch_)?(set|commit|reveal)_(\w+_)?weights$/

type Args = Record<string, Value>
type BatchLists = Parameters<typeof batchOf>[0]

/** The number of "Custom error: N" for a call that is refused before it is dispatched; null for all others. */
export function validate(ctx: CallContext, call: string, args: Args): number | null {
  try {
    checkWeightCall(ctx, call, args)
    checkRateLimit(ctx, call, args)
    checkServing(ctx, call, args)
    return null
  } catch (error) {
    if (error instanceof DispatchFailure) return CODES[error.message.split('.')[1] ?? ''] ?? BAD_REQUEST
    throw error
  }
}

function checkWeightCall(ctx: CallContext, call: string, args: Args): void {
  if (!WEIGHT_CALL.test(call)) return
  const { netuid, netuids, ...lists } = args as { netuid?: number; netuids?: number[] }
  if (netuids) ensureEven(netuids, ...(Object.values(lists) as unknown[][]))
  if (call === 'batch_reveal_weights') batchOf(args as BatchLists)
  for (const on of netuids ?? [netuid ?? 0]) ensure(mayWeigh(ctx, on, ctx.who), 'NotEnoughStakeToSetWeights')
  checkReveal(ctx, call, args)
  const round = args['reveal_round']
  ensure(typeof round !== 'bigint' || round >= ctx.storage.get<bigint>('Drand.LastStoredRound'), 'InvalidRevealRound')
}

function checkReveal(ctx: CallContext, call: string, args: Args): void {
  if (!/reveal/.test(call)) return
  const { netuid, mecid = 0 } = args as { netuid: number; mecid?: number }
  const index = indexOf(netuid, mecid)
  const commits = get<Commit[] | null>(ctx, 'WeightCommits', index, ctx.who) ?? []
  for (const revealed of call === 'batch_reveal_weights' ? batchOf(args as BatchLists) : [args as Revealed]) {
    const hash = commitHashOf(ctx.who, index, revealed)
    const commit = commits.find(([committed]) => committed === hash)
    ensure(commit !== undefined, 'NoWeightsCommitFound')
    ensure(inWindow(ctx, netuid, commit[1]), 'RevealTooEarly')
  }
}

function checkRateLimit(ctx: CallContext, call: string, args: Args): void {
  const { netuid, mecid = 0 } = args as { netuid: number; mecid?: number }
  const kind = /^(set|commit)_(mechanism_)?weights$/.exec(call)?.[1]
  if (kind === undefined || (kind === 'set' && get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid))) return
  const uid = uidOf(ctx, netuid, ctx.who)
  if (uid === null) return
  ensure(passesRateLimit(ctx, netuid, mecid, uid), kind === 'set' ? 'SettingWeightsTooFast' : 'CommittingWeightsTooFast')
}

function checkServing(ctx: CallContext, call: string, args: Args): void {
  const served = args as Served & { netuid: number }
  if (call === 'serve_axon' || call === 'serve_axon_tls') checkAxon(ctx, ctx.who, served)
  if (call === 'serve_prometheus') checkPrometheus(ctx, ctx.who, served)
}
