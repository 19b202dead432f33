import { type CallContext, DispatchFailure, type Pallet, type Value } from '../../types.ts'
import { emit, ensure } from '../state.ts'
import { commitHash } from './commit.ts'
import { setOpenly } from './set.ts'

type Commits = { netuids: number[]; commit_hashes: string[] }
type Sets = { netuids: number[]; weights: [uid: number, weight: number][][]; version_keys: bigint[] }

/** Every list has one entry for each netuid. */
export function ensureEven(netuids: number[], ...lists: unknown[][]): void {
  ensure(
    lists.every(({ length }) => length === netuids.length),
    'InputLengthsUnequal',
  )
}

/** The call does not fail by what it holds: each netuid that did is told of in events. Source: spec 425, subnets/weights.rs. */
function each(ctx: CallContext, netuids: number[], act: (netuid: number, i: number) => void): void {
  const failed = netuids.flatMap((netuid, i): [number, string][] => {
    try {
      act(netuid, i)
      return []
    } catch (error) {
      if (!(error instanceof DispatchFailure)) throw error
      return [[netuid, error.message]]
    }
  })
  if (failed.length > 0) emit(ctx, 'BatchCompletedWithErrors')
  for (const [netuid, error] of failed) emit(ctx, 'BatchWeightItemFailed', netuid, error)
  emit(ctx, 'BatchWeightsCompleted', netuids, ctx.who)
}

function batchCommit(ctx: CallContext, args: Record<string, Value>): void {
  const { netuids, commit_hashes: hashes } = args as Commits
  ensureEven(netuids, hashes)
  each(ctx, netuids, (netuid, i) => commitHash(ctx, netuid, 0, hashes[i] ?? ''))
}

function batchSet(ctx: CallContext, args: Record<string, Value>): void {
  const { netuids, weights, version_keys: keys } = args as Sets
  ensureEven(netuids, weights, keys)
  each(ctx, netuids, (netuid, i) => {
    const row = weights[i] ?? []
    setOpenly(ctx, { netuid, mechanism: 0, uids: row.map(([uid]) => uid), values: row.map(([, weight]) => weight), versionKey: keys[i] ?? 0n })
  })
}

export const BATCH_CALLS: Pallet['calls'] = { batch_commit_weights: batchCommit, batch_set_weights: batchSet }
