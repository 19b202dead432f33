import { and, asc, eq, gt, sql, type SQL } from 'drizzle-orm'
import type { EventKind } from '../../schema/event.ts'
import { events } from '../../schema/tables/index.ts'
import { type Db, retrying } from './db.ts'

export type EventRow = typeof events.$inferSelect

/** For `tell`: the statement just before it in the batch changed a row. Said again in a repeated batch it changes none, and nothing is told twice. */
export const JUST_CHANGED = sql`changes() > 0`

/** Records an event of one allocation if `when` holds for its row `a`. @param trace of the request that did it; else the allocation's own */
export function tell(id: string, kind: EventKind, nowMs: number, data: Record<string, unknown>, when: SQL, trace?: string): SQL {
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${nowMs}, a.holder, a.id, ${kind}, ${JSON.stringify(data)}, ${trace ?? sql`a.trace_id`} FROM allocations a WHERE a.id = ${id} AND ${when}`
}

export type Which = { holder: string; allocation?: string | undefined; after: number; limit: number }

/**
 * Events after an id, oldest first. Ids are given inside write transactions, and there is one writer at a time: their order is the
 * order of the commits, so none that is committed later has a lower id, and reading on after the last one seen misses nothing.
 */
export async function eventsAfter(db: Db, { holder, allocation, after, limit }: Which): Promise<EventRow[]> {
  const mine = and(eq(events.holder, holder), gt(events.id, after), allocation ? eq(events.allocationId, allocation) : undefined)
  return retrying(() => db.select().from(events).where(mine).orderBy(asc(events.id)).limit(limit))
}

/** The last event of a holder; 0 when there is none. */
export async function lastEvent(db: Db, holder: string): Promise<number> {
  const [row] = await retrying(() =>
    db
      .select({ id: sql<number>`coalesce(max(${events.id}), 0)` })
      .from(events)
      .where(eq(events.holder, holder)),
  )
  return row?.id ?? 0
}

/** Name of the setting that says how many ids of events were left out, so that events can still be counted by them. */
export const EVENTS_SKIPPED = 'events_skipped'

/**
 * After a restore: the next event gets an id above all that were given before it. Those are not known any more, but they are fewer than the
 * milliseconds since 1970 as long as there is less than one event a millisecond. @param when a condition
 */
export function skipEvents(nowMs: number, when: SQL): SQL[] {
  const given = sql`coalesce((SELECT n.seq FROM sqlite_sequence n WHERE n.name = 'events'), 0)`
  return [
    sql`INSERT INTO settings (name, value) SELECT ${EVENTS_SKIPPED}, CAST(${nowMs} - ${given} AS TEXT) WHERE ${when} AND ${given} < ${nowMs}
      ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER) AS TEXT)`,
    sql`INSERT INTO sqlite_sequence (name, seq) SELECT 'events', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence n WHERE n.name = 'events')`,
    sql`UPDATE sqlite_sequence SET seq = ${nowMs} WHERE name = 'events' AND seq < ${nowMs} AND ${when}`,
  ]
}
