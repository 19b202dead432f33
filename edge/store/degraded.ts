import { sql, type SQL } from 'drizzle-orm'
import { MISSING_REPORTS } from '../../schema/protocol.ts'
import { taken, type Taken } from './taken.ts'

/** GPUs of a rental `a` that its host has not shown for too many reports. */
const lost = sql`FROM claims c JOIN gpus g ON g.hotkey = c.hotkey AND g.uuid = c.uuid
  WHERE c.allocation_id = a.id AND c.incarnation = a.incarnation AND c.freed_at IS NULL AND g.missing >= ${MISSING_REPORTS}`

const turned = (t: Taken) => sql`a.hotkey = ${t.hotkey} AND a.ended_at IS NULL AND a.desired <> 'stop' AND ${taken(t)}
  AND (a.degraded_at IS NULL) = EXISTS (SELECT 1 ${lost})`

/** A rental that lost a GPU, or has them all back, is told so: it is never ended for that. Runs after the GPUs of the report were counted. */
export function tellDegraded(t: Taken): SQL {
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${t.nowMs}, a.holder, a.id, CASE WHEN a.degraded_at IS NULL THEN 'degraded' ELSE 'recovered' END,
      json_object('missing', (SELECT json_group_array(g.uuid) ${lost})), a.trace_id
    FROM allocations a WHERE ${turned(t)}`
}

export function markDegraded(t: Taken): SQL {
  return sql`UPDATE allocations AS a SET degraded_at = CASE WHEN a.degraded_at IS NULL THEN ${t.nowMs} END WHERE ${turned(t)} RETURNING id, holder`
}
