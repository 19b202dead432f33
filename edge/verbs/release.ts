import { sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { Ctx } from '../ctx.ts'
import { allocationOf } from '../store/allocations.ts'
import { write } from '../store/db.ts'
import { tell } from '../store/events.ts'
import { toStop } from '../store/stop.ts'

/** Asks for an end. Idempotent: releasing what already stops or ended changes nothing. Throws `not_found`. */
export async function release(ctx: Ctx, { holder, id }: { holder: string; id: string }): Promise<void> {
  const found = await allocationOf(ctx.db, holder, id)
  if (!found) throw new Problem('not_found', `no allocation ${id}`)
  const now = ctx.now()
  const untold = sql`a.stop_at = ${now} AND NOT EXISTS (SELECT 1 FROM events e WHERE e.allocation_id = a.id AND e.kind = 'stop_asked')`
  // Asked again, nothing is written but the host is woken again: the first call to it may have been lost.
  const [, , row] = await write(ctx.db, [
    sql`UPDATE allocations SET ${toStop('released', now)}
      WHERE id = ${id} AND desired <> 'stop'`,
    tell(id, 'stop_asked', now, { reason: 'released' }, untold, ctx.trace),
    sql`SELECT hotkey FROM allocations WHERE id = ${id} AND phase <> 'gone'`,
  ])
  const hotkey = row?.[0]?.['hotkey']
  if (typeof hotkey === 'string') ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  ctx.defer('changed', ctx.feed(holder).changed([id]))
  ctx.log.info('released', { allocation: id })
}
