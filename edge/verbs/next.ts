import type { StopReason } from '../../schema/allocation.ts'
import type { AllocationRow } from '../store/allocations.ts'

/** What to do with a placement: nothing any more, look again then, try the next miner, or give up. */
export type Next = { kind: 'settled' } | { kind: 'wait'; until: number } | { kind: 'skip'; reason: string } | { kind: 'give_up'; reason: StopReason }

/** Pure. Deadlines are about progress: the row's `deadlineAt` moves whenever the fact moves. */
export function next(row: AllocationRow, nowMs: number): Next {
  if (row.desired !== 'run' || row.readyAt !== null || row.deadlineAt === null) return { kind: 'settled' }
  if (nowMs >= row.readyBy) return { kind: 'give_up', reason: 'not_ready' }
  if (row.factIncarnation === row.incarnation) {
    if (row.phase === 'failed') return { kind: 'skip', reason: row.error?.code ?? 'failed' }
    if (row.phase === 'gone') return { kind: 'skip', reason: 'gone' }
  }
  if (nowMs < row.deadlineAt) return { kind: 'wait', until: row.deadlineAt }
  return { kind: 'skip', reason: row.ackedAt === null ? 'silent' : 'no_progress' }
}
