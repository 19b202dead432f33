import { sql, type SQL } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'

/** An entry of the audit log; it goes in the same batch as the act, so that neither is there without the other. */
export function record(ctx: Ctx, actor: string, action: string, subject: string, detail: Record<string, unknown>): SQL {
  return sql`INSERT INTO audit (at, actor, action, subject, detail, trace_id) VALUES (${ctx.now()}, ${actor}, ${action}, ${subject}, ${JSON.stringify(detail)}, ${ctx.trace})`
}
