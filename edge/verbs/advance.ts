import { sql } from 'drizzle-orm'
import { DEADLINE_MS } from '../../schema/protocol.ts'
import type { StopReason } from '../../schema/allocation.ts'
import type { Ctx } from '../ctx.ts'
import { allocationById, maxGpusOf, type AllocationRow } from '../store/allocations.ts'
import { countGpus, firstThatHolds, gpusLeft, takeGpus } from '../store/claims.ts'
import { write } from '../store/db.ts'
import { tell } from '../store/events.ts'
import { toStop } from '../store/stop.ts'
import { askerOf, findPicks } from './allocate.ts'
import { next } from './next.ts'
import type { Pick } from './pick.ts'

/** Others claim between reading candidates and taking one. */
const ROUNDS = 3

/**
 * Moves a placement on when its miner failed or let a deadline pass: the next miner, or a clear end.
 * Runs from the Hub's alarm, from the failing miner's own sync, and from sweep; every move is fenced by the incarnation.
 * @returns when to look again (ms), or null when there is nothing left to watch
 */
export async function advance(ctx: Ctx, { allocation }: { allocation: string }): Promise<number | null> {
  const row = await allocationById(ctx.db, allocation)
  if (!row) return null
  const todo = next(row, ctx.now())
  if (todo.kind === 'settled') return null
  if (todo.kind === 'wait') return todo.until
  if (todo.kind === 'give_up') return giveUp(ctx, row, todo.reason)
  ctx.log.info('placement_failed', { allocation, hotkey: row.hotkey, reason: todo.reason, incarnation: row.incarnation })
  const tried = [...row.tried, { hotkey: row.hotkey, reason: todo.reason, at: ctx.now() }]
  // A proof is of this miner and no other.
  if (row.purpose === 'proof') return giveUp(ctx, { ...row, tried }, 'not_ready')
  for (let round = 0; round < ROUNDS; round++) {
    const picks = await findPicks(ctx, { spec: row.spec, holder: row.holder, avoid: new Set(tried.map((t) => t.hotkey)), salt: row.id })
    if (picks.length === 0) break
    const deadline = await failOver(ctx, { ...row, tried }, picks)
    if (deadline !== null) return deadline
  }
  return giveUp(ctx, { ...row, tried }, 'no_capacity')
}

/** Hands the allocation to the first pick that holds; the old host keeps a tombstone until it says gone. */
async function failOver(ctx: Ctx, row: AllocationRow, picks: Pick[]): Promise<number | null> {
  const asker = askerOf(ctx, row.holder)
  const now = asker.nowMs
  const incarnation = row.incarnation + 1
  const deadline = Math.min(now + DEADLINE_MS.acknowledge, row.readyBy)
  const quota = row.keyId === null ? sql`${row.gpuWant}` : gpusLeft(row.keyId, await maxGpusOf(ctx.db, row.keyId), row.id)
  const moved = sql`EXISTS (SELECT 1 FROM allocations m WHERE m.id = ${row.id} AND m.incarnation = ${incarnation})`
  const untold = sql`a.incarnation = ${incarnation} AND NOT EXISTS (SELECT 1 FROM events e WHERE e.allocation_id = a.id AND e.kind = 'failed_over' AND e.data ->> 'incarnation' = ${incarnation})`
  const results = await write(ctx.db, [
    sql`UPDATE allocations SET hotkey = c.hotkey, limits = c.limits, gpu_want = c.take, gpu_got = 0, incarnation = ${incarnation}, generation = generation + 1,
        tried = ${JSON.stringify(row.tried)}, deadline_at = ${deadline}, phase = 'none', acked_at = NULL, error = NULL, progress = NULL, fact_at = NULL
      FROM (${firstThatHolds(picks, row.spec, asker, quota)}) c
      WHERE allocations.id = ${row.id} AND incarnation = ${row.incarnation} AND desired = 'run' AND ready_at IS NULL`,
    sql`INSERT INTO tombstones (allocation_id, incarnation, hotkey, generation, trace_id, reason, made_at)
      SELECT ${row.id}, ${row.incarnation}, ${row.hotkey}, ${row.generation + 1}, ${row.traceId}, ${row.tried.at(-1)?.reason ?? 'failed'}, ${now} WHERE ${moved} ON CONFLICT DO NOTHING`,
    takeGpus(row.id, incarnation, picks, row.spec, asker),
    countGpus(row.id, incarnation),
    tell(row.id, 'failed_over', now, { from: row.hotkey, reason: row.tried.at(-1)?.reason ?? 'failed', incarnation }, untold),
    sql`SELECT hotkey, incarnation FROM allocations WHERE id = ${row.id} AND incarnation = ${incarnation}`,
  ])
  const hotkey = results.at(-1)?.[0]?.['hotkey']
  if (typeof hotkey !== 'string') return null
  for (const h of [hotkey, row.hotkey]) ctx.defer('wake', ctx.hub(h).wake(h))
  ctx.defer('look_at', ctx.hub(hotkey).lookAt(row.id, deadline))
  ctx.defer('changed', ctx.feed(row.holder).changed([row.id]))
  ctx.log.info('failed_over', { allocation: row.id, from: row.hotkey, hotkey, incarnation })
  return deadline
}

async function giveUp(ctx: Ctx, row: AllocationRow, reason: StopReason): Promise<null> {
  const now = ctx.now()
  await write(ctx.db, [
    sql`UPDATE allocations SET ${toStop(reason, now)}, tried = ${JSON.stringify(row.tried)}
      WHERE id = ${row.id} AND incarnation = ${row.incarnation} AND desired = 'run' AND ready_at IS NULL`,
    tell(row.id, 'failed', now, { reason }, sql`a.stop_at = ${now}`),
  ])
  ctx.defer('wake', ctx.hub(row.hotkey).wake(row.hotkey))
  ctx.defer('changed', ctx.feed(row.holder).changed([row.id]))
  ctx.log.info('gave_up', { allocation: row.id, reason })
  return null
}
