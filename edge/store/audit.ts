import { is, SQL, sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'

/** A batch is repeated within seconds, so only the newest entries can be its own. */
export const lately = sql`d.id > (SELECT max(id) FROM audit) - 100`

/**
 * An entry of the audit log; it goes in the same batch as the act, so that neither is there without the other.
 * Safe to repeat. The time tells a repeated batch from another request: a trace is the caller's, and one may send it twice.
 * @param when the act happened, an SQL condition
 */
export function record(ctx: Ctx, actor: string, action: string, subject: string, detail: Record<string, unknown> | SQL, when: SQL): SQL {
  const now = ctx.now()
  return sql`INSERT INTO audit (at, actor, action, subject, detail, trace_id)
    SELECT ${now}, ${actor}, ${action}, ${subject}, ${is(detail, SQL) ? detail : JSON.stringify(detail)}, ${ctx.trace}
    WHERE ${when} AND NOT EXISTS (SELECT 1 FROM audit d WHERE ${lately} AND d.at = ${now} AND d.trace_id = ${ctx.trace} AND d.action = ${action} AND d.subject = ${subject})`
}
