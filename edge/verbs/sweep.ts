import { sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'
import { write } from '../store/db.ts'
import { advance } from './advance.ts'

const AT_A_TIME = 500
const OVERDUE_AT_A_TIME = 50

/**
 * The minute's housekeeping, in a constant number of statements: leases that ran out are asked to stop, what is gone is ended,
 * placements whose alarm was lost are looked at.
 */
export async function sweep(ctx: Ctx): Promise<{ expired: number; ended: number; overdue: number }> {
  const now = ctx.now()
  const [expired, ended, toWake, , overdue] = await write(ctx.db, [
    sql`UPDATE allocations SET desired = 'stop', stop_reason = 'expired', stop_at = ${now}, generation = generation + 1, deadline_at = NULL
      WHERE id IN (SELECT id FROM allocations WHERE expires_at <= ${now} AND desired <> 'stop' ORDER BY expires_at LIMIT ${AT_A_TIME}) RETURNING id`,
    sql`UPDATE allocations SET ended_at = fact_at, end_reason = stop_reason
      WHERE id IN (SELECT id FROM allocations WHERE desired = 'stop' AND ended_at IS NULL AND phase = 'gone' AND fact_incarnation = incarnation LIMIT ${AT_A_TIME}) RETURNING id`,
    sql`SELECT DISTINCT hotkey FROM allocations WHERE stop_at = ${now} AND stop_reason = 'expired'`,
    sql`INSERT INTO settings (name, value) VALUES ('swept_at', ${String(now)}) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    sql`SELECT id FROM allocations WHERE deadline_at <= ${now} AND desired = 'run' ORDER BY deadline_at LIMIT ${OVERDUE_AT_A_TIME}`,
  ])
  for (const hotkey of (toWake ?? []).map((r) => String(r['hotkey']))) ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  for (const row of overdue ?? []) {
    const allocation = String(row['id'])
    await advance(ctx, { allocation }).catch((e: unknown) => ctx.log.error('look_failed', { allocation, error: String(e) }))
  }
  return { expired: expired?.length ?? 0, ended: ended?.length ?? 0, overdue: overdue?.length ?? 0 }
}
