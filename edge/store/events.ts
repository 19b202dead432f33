import { sql, type SQL } from 'drizzle-orm'
import type { EventKind } from '../../schema/event.ts'

/** Records an event of one allocation if `when` holds for its row `a`. */
export function tell(id: string, kind: EventKind, nowMs: number, data: Record<string, unknown>, when: SQL): SQL {
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${nowMs}, a.holder, a.id, ${kind}, ${JSON.stringify(data)}, a.trace_id FROM allocations a WHERE a.id = ${id} AND ${when}`
}
