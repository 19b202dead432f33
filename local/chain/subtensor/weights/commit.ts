import type { CallContext, Pallet, Value } from '../../types.ts'
import { blake2b } from '@noble/hashes/blake2.js'
import { epochNow } from '../epoch/schedule.ts'
import { emit, ensure, get, indexOf, mechanismExists, put, touch, uidOf } from '../state.ts'
import { passesRateLimit } from './rules.ts'

/** Hash, epoch and block of the commit; the last is a relic. */
export type Commit = [hash: string, epoch: bigint, block: bigint, relic: bigint]
/** Who, block, ciphertext, drand round. */
export type Timelocked = [who: string, block: bigint, bytes: string, round: bigint]

/** Commits of one hotkey that wait for their reveal. */
const MOST_WAITING = 10
/** Source: MAX_CRV3_COMMIT_SIZE_BYTES. */
const MOST_BYTES = 5000
/** What commit_crv3 means without saying it. */
const CRV3_VERSION = 4

/** Who commits, and where; with the checks all commits share, in the runtime's order (spec 425, subnets/weights.rs). */
function begin(ctx: CallContext, netuid: number, mechanism: number, version: number | null): { index: number; uid: number } {
  ensure(mechanismExists(ctx, netuid, mechanism), 'MechanismDoesNotExist')
  ensure(get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid), 'CommitRevealDisabled')
  ensure(version === null || version === get<number>(ctx, 'CommitRevealWeightsVersion'), 'IncorrectCommitRevealVersion')
  const uid = uidOf(ctx, netuid, ctx.who)
  ensure(uid !== null, 'HotKeyNotRegisteredInSubNet')
  ensure(passesRateLimit(ctx, netuid, mechanism, uid), 'CommittingWeightsTooFast')
  return { index: indexOf(netuid, mechanism), uid }
}

export function commitHash(ctx: CallContext, netuid: number, mechanism: number, hash: string): void {
  const { index, uid } = begin(ctx, netuid, mechanism, null)
  const { waiting } = withoutExpired(ctx, netuid, get<Commit[] | null>(ctx, 'WeightCommits', index, ctx.who) ?? [])
  ensure(waiting.length < MOST_WAITING, 'TooManyUnrevealedCommits')
  put(ctx, 'WeightCommits', [index, ctx.who], [...waiting, [hash, epochNow(ctx, netuid), BigInt(ctx.block), 0n]])
  emit(ctx, 'WeightsCommitted', ctx.who, index, hash)
  touch(ctx, netuid, index, uid)
}

/** Commits whose epoch of reveal is over, from the front of the queue, and the rest. */
export function withoutExpired(ctx: CallContext, netuid: number, commits: Commit[]): { expired: Commit[]; waiting: Commit[] } {
  const now = epochNow(ctx, netuid)
  const period = get<bigint>(ctx, 'RevealPeriodEpochs', netuid)
  const first = commits.findIndex(([, epoch]) => now <= epoch + period)
  const at = first === -1 ? commits.length : first
  return { expired: commits.slice(0, at), waiting: commits.slice(at) }
}

type TimelockedArgs = { netuid: number; mecid?: number; commit: string; reveal_round: bigint; commit_reveal_version?: number }

function commitTimelocked(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, mecid = 0, commit, reveal_round, commit_reveal_version = CRV3_VERSION } = args as TimelockedArgs
  const { index, uid } = begin(ctx, netuid, mecid, commit_reveal_version)
  const bytes = Buffer.from(commit.slice(2), 'hex')
  const epoch = epochNow(ctx, netuid)
  const queue = get<Timelocked[]>(ctx, 'TimelockedWeightCommits', index, epoch)
  ensure(queue.filter(([who]) => who === ctx.who).length < MOST_WAITING, 'TooManyUnrevealedCommits')
  ensure(bytes.length <= MOST_BYTES, 'InvalidValue')
  put(ctx, 'TimelockedWeightCommits', [index, epoch], [...queue, [ctx.who, BigInt(ctx.block), commit, reveal_round]])
  emit(ctx, 'TimelockedWeightsCommitted', ctx.who, index, hashOf(bytes), reveal_round)
  touch(ctx, netuid, index, uid)
}

/** BlakeTwo256. */
export function hashOf(bytes: Uint8Array): string {
  return `0x${Buffer.from(blake2b(bytes, { dkLen: 32 })).toString('hex')}`
}

const commit = (ctx: CallContext, args: Record<string, Value>) => {
  const { netuid, mecid = 0, commit_hash } = args as { netuid: number; mecid?: number; commit_hash: string }
  commitHash(ctx, netuid, mecid, commit_hash)
}

export const COMMIT_CALLS: Pallet['calls'] = {
  commit_weights: commit,
  commit_mechanism_weights: commit,
  commit_timelocked_weights: commitTimelocked,
  commit_timelocked_mechanism_weights: commitTimelocked,
  commit_crv3_mechanism_weights: commitTimelocked,
}
