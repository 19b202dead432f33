import { sql, type SQL } from 'drizzle-orm'
import { makeId } from '../../schema/ids.ts'
import { WARN_BEFORE_MS } from '../../schema/protocol.ts'
import { forgetProofs } from './proofs.ts'
import { forgetGone } from './publications.ts'
import { toStop } from './stop.ts'

/** Rows one statement of a tick touches at most: what is left over is done by the next tick. */
const AT_A_TIME = 500
const OVERDUE_AT_A_TIME = 50
const KEPT_MS = 30 * 24 * 3600_000

/** Leases that ran out are asked to stop, and their tenants told. */
export function expire(nowMs: number): SQL[] {
  return [
    sql`UPDATE allocations SET ${toStop('expired', nowMs)}
      WHERE id IN (SELECT id FROM allocations WHERE expires_at <= ${nowMs} AND desired <> 'stop' ORDER BY expires_at LIMIT ${AT_A_TIME}) RETURNING id, holder, hotkey`,
    sql`INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
      SELECT ${nowMs}, a.holder, a.id, 'stop_asked', json_object('reason', a.stop_reason), a.trace_id FROM allocations a
      WHERE a.desired = 'stop' AND a.ended_at IS NULL AND a.stop_at = ${nowMs} AND a.stop_reason = 'expired'
        AND NOT EXISTS (SELECT 1 FROM events e WHERE e.allocation_id = a.id AND e.kind = 'stop_asked')`,
  ]
}

/** Tenants whose lease runs out soon are warned, each time once. */
export function warn(nowMs: number): SQL[] {
  const due = sql`a.id IN (SELECT id FROM allocations WHERE warn_at IS NOT NULL AND warn_at <= ${nowMs} AND desired <> 'stop' ORDER BY warn_at LIMIT ${AT_A_TIME})`
  return [
    sql`INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
      SELECT ${nowMs}, a.holder, a.id, 'expiring', json_object('hours_left', (a.expires_at - ${nowMs} + 3599999) / 3600000, 'expires_at', strftime('%Y-%m-%dT%H:%M:%SZ', a.expires_at / 1000, 'unixepoch')), a.trace_id
      FROM allocations a WHERE ${due}`,
    sql`UPDATE allocations AS a SET warn_at = (SELECT min(a.expires_at - w.value) FROM json_each(${JSON.stringify(WARN_BEFORE_MS)}) w WHERE a.expires_at - w.value > ${nowMs})
      WHERE ${due} RETURNING id, holder`,
  ]
}

/** What the fact says is gone has ended. */
export function endGone(nowMs: number): SQL {
  return sql`UPDATE allocations SET ended_at = coalesce(fact_at, ${nowMs}), end_reason = stop_reason
    WHERE id IN (SELECT id FROM allocations WHERE desired = 'stop' AND ended_at IS NULL AND phase = 'gone' AND fact_incarnation = incarnation LIMIT ${AT_A_TIME}) RETURNING id, holder`
}

/** Placements whose alarm was lost. */
export function overdue(nowMs: number): SQL {
  return sql`SELECT id FROM allocations WHERE deadline_at <= ${nowMs} AND desired = 'run' ORDER BY deadline_at LIMIT ${OVERDUE_AT_A_TIME}`
}

/** History older than a month goes, a slice a tick; what a webhook still waits for stays, and proofs go sooner. Ids begin with their time, so old rows come first. */
export function forget(nowMs: number): SQL[] {
  const before = nowMs - KEPT_MS
  const id = makeId('al', before, new Uint8Array(10))
  const old = sql`(SELECT e.id FROM events e WHERE e.id < coalesce((SELECT f.id FROM events f WHERE f.at >= ${before} ORDER BY f.id LIMIT 1), 9e15)
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.event_id = e.id AND o.delivered_at IS NULL AND o.dead_at IS NULL) ORDER BY e.id LIMIT ${AT_A_TIME})`
  return [
    sql`DELETE FROM outbox WHERE event_id IN ${old}`,
    sql`DELETE FROM events WHERE id IN ${old}`,
    sql`DELETE FROM claims WHERE (allocation_id, incarnation, hotkey, uuid) IN (SELECT allocation_id, incarnation, hotkey, uuid FROM claims WHERE allocation_id < ${id} AND freed_at < ${before} LIMIT ${AT_A_TIME})`,
    sql`DELETE FROM tombstones WHERE (allocation_id, incarnation) IN (SELECT allocation_id, incarnation FROM tombstones WHERE allocation_id < ${id} AND gone_at < ${before} LIMIT ${AT_A_TIME})`,
    forgetProofs(nowMs, AT_A_TIME),
    forgetGone(),
  ]
}

/** What the last tick left. */
export const left = () => sql`SELECT name, value FROM settings WHERE name IN ('swept_at', 'brake')`

/** Single facts of this edge, written over. */
export function settle(values: Record<string, string>): SQL {
  return sql`INSERT INTO settings (name, value) SELECT key, value FROM json_each(${JSON.stringify(values)}) WHERE true ON CONFLICT (name) DO UPDATE SET value = excluded.value`
}
