import type { CallContext, Pallet, Value } from '../../types.ts'
import { epochNow } from '../epoch/schedule.ts'
import { emit, ensure, failure, get, indexOf, put, remove } from '../state.ts'
import { type Commit, hashOf, withoutExpired } from './commit.ts'
import { setWeights } from './set.ts'

/** What a hash stands for. */
export type Revealed = { uids: number[]; values: number[]; salt: number[]; version_key: bigint }
type Args = Revealed & { netuid: number; mecid?: number }

/** BlakeTwo256 of SCALE(account, index, uids, values, salt, version key). Lists are shorter than 2^14. */
export function commitHashOf(who: string, index: number, { uids, values, salt, version_key }: Revealed): string {
  const key = Buffer.alloc(8)
  key.writeBigUInt64LE(version_key)
  return hashOf(Buffer.concat([Buffer.from(who.slice(2), 'hex'), u16(index), list(uids), list(values), list(salt), key]))
}

function u16(value: number): Buffer {
  return Buffer.from([value & 255, value >> 8])
}

function list(values: number[]): Buffer {
  const n = values.length
  const length = n < 64 ? Buffer.from([n << 2]) : u16((n << 2) | 1)
  return Buffer.concat([length, ...values.map(u16)])
}

/** Whether now is the one epoch in which a commit is revealed. */
export function inWindow(ctx: CallContext, netuid: number, epoch: bigint): boolean {
  return epochNow(ctx, netuid) === epoch + get<bigint>(ctx, 'RevealPeriodEpochs', netuid)
}

function reveal(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, mecid = 0, ...revealed } = args as Args
  const index = indexOf(netuid, mecid)
  const { expired, waiting } = commitsOf(ctx, netuid, index)
  const hash = commitHashOf(ctx.who, index, revealed)
  const { at, epoch } = find(hash, expired, waiting)
  ensure(inWindow(ctx, netuid, epoch), 'RevealTooEarly')
  keep(ctx, index, waiting.slice(at + 1)) // commits before it can no longer be revealed
  setWeights(ctx, { netuid, mechanism: mecid, uids: revealed.uids, values: revealed.values, versionKey: revealed.version_key })
  emit(ctx, 'WeightsRevealed', ctx.who, index, hash)
}

function commitsOf(ctx: CallContext, netuid: number, index: number): { expired: Commit[]; waiting: Commit[] } {
  ensure(get<boolean>(ctx, 'CommitRevealWeightsEnabled', netuid), 'CommitRevealDisabled')
  const commits = get<Commit[] | null>(ctx, 'WeightCommits', index, ctx.who)
  ensure(commits !== null, 'NoWeightsCommitFound')
  return withoutExpired(ctx, netuid, commits)
}

function find(hash: string, expired: Commit[], waiting: Commit[]): { at: number; epoch: bigint } {
  const at = waiting.findIndex(([committed]) => committed === hash)
  const found = waiting[at]
  if (found) return { at, epoch: found[1] }
  if (expired.some(([committed]) => committed === hash)) throw failure('ExpiredWeightCommit')
  throw failure(waiting.length === 0 ? 'NoWeightsCommitFound' : 'InvalidRevealCommitHashNotMatch')
}

function keep(ctx: CallContext, index: number, commits: Commit[]): void {
  if (commits.length === 0) remove(ctx, 'WeightCommits', index, ctx.who)
  else put(ctx, 'WeightCommits', [index, ctx.who], commits)
}

type BatchArgs = { netuid: number; uids_list: number[][]; values_list: number[][]; salts_list: number[][]; version_keys: bigint[] }

/** Several reveals, all or none. */
export function batchOf({ uids_list, values_list, salts_list, version_keys }: Omit<BatchArgs, 'netuid'>): Revealed[] {
  const sizes = new Set([uids_list.length, values_list.length, salts_list.length, version_keys.length])
  ensure(sizes.size === 1, 'InputLengthsUnequal')
  return version_keys.map((version_key, i) => ({ uids: uids_list[i] ?? [], values: values_list[i] ?? [], salt: salts_list[i] ?? [], version_key }))
}

function batchReveal(ctx: CallContext, args: Record<string, Value>): void {
  const { netuid, ...lists } = args as BatchArgs
  const batch = batchOf(lists)
  const { expired, waiting } = commitsOf(ctx, netuid, netuid)
  const hashes = batch.map((revealed) => commitHashOf(ctx.who, netuid, revealed))
  for (const hash of hashes) ensure(inWindow(ctx, netuid, find(hash, expired, waiting).epoch), 'RevealTooEarly')
  for (const { uids, values, version_key } of batch) setWeights(ctx, { netuid, mechanism: 0, uids, values, versionKey: version_key })
  keep(
    ctx,
    netuid,
    waiting.filter(([hash]) => !hashes.includes(hash)),
  )
  emit(ctx, 'WeightsBatchRevealed', ctx.who, netuid, hashes)
}

export const REVEAL_CALLS: Pallet['calls'] = { reveal_weights: reveal, reveal_mechanism_weights: reveal, batch_reveal_weights: batchReveal }
