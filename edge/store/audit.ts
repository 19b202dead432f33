import { is, SQL, sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'

/**
 * An entry of the audit log; it goes in the same batch as the act, so that neither is there without the other.
 * Safe to repeat: a request records an act on a subject once. @param when the act happened, an SQL condition
 */
export function record(ctx: Ctx, actor: string, action: string, subject: string, detail: Record<string, unknown> | SQL, when: SQL): SQL {
  return sql`INSERT INTO audit (at, actor, action, subject, detail, trace_id)
    SELECT ${ctx.now()}, ${actor}, ${action}, ${subject}, ${is(detail, SQL) ? detail : JSON.stringify(detail)}, ${ctx.trace}
    WHERE ${when} AND NOT EXISTS (SELECT 1 FROM audit d WHERE d.trace_id = ${ctx.trace} AND d.action = ${action} AND d.subject = ${subject})`
}
