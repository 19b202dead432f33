import { sql, type SQL } from 'drizzle-orm'
import { DEADLINE_MS } from '../../schema/protocol.ts'
import { taken, type Taken } from './reports.ts'

/** The facts of a report as rows. */
export const facts = (t: Taken) => sql`(SELECT value ->> 'id' AS id, value ->> 'incarnation' AS incarnation, value ->> 'phase' AS phase,
    value ->> 'observed_generation' AS observed_generation, value ->> 'restart_n' AS restart_n, value ->> 'keys_n' AS keys_n,
    value -> 'error' AS error, value -> 'progress' AS progress, value -> 'endpoint' ->> 'host' AS host, value -> 'endpoint' ->> 'port' AS port,
    value -> 'endpoint' ->> 'user' AS user, value -> 'endpoint' ->> 'host_key' AS host_key, value -> 'endpoint' ->> 'signature' AS signature
  FROM json_each(${JSON.stringify(t.report.allocations)}))`

const about = (t: Taken) => sql`a.id = f.id AND a.incarnation = f.incarnation AND a.hotkey = ${t.hotkey}`

/** One event for each phase that moved. Runs before the facts are written, or there would be no difference to see. */
export function tellPhases(t: Taken): SQL {
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${t.nowMs}, a.holder, a.id,
      CASE WHEN f.phase = 'running' AND a.ready_at IS NULL AND a.desired = 'run' THEN 'ready' WHEN f.phase = 'gone' AND a.desired = 'stop' THEN 'ended' ELSE 'phase' END,
      json_object('phase', f.phase, 'hotkey', a.hotkey, 'incarnation', a.incarnation), a.trace_id
    FROM ${facts(t)} f JOIN allocations a ON ${about(t)}
    WHERE ${taken(t)} AND a.ended_at IS NULL AND (a.phase <> f.phase OR a.fact_incarnation <> f.incarnation)`
}

/** Writes what changed, and only that: an idle report costs no row. The deadline moves with progress and goes with readiness;
 * a client's own init commands may take all the time the client gave. */
export function takeFacts(t: Taken): SQL {
  const { nowMs } = t
  return sql`
    UPDATE allocations AS a SET phase = f.phase, fact_incarnation = f.incarnation, observed_generation = f.observed_generation, observed_restart_n = f.restart_n,
      observed_keys_n = f.keys_n, error = nullif(f.error, 'null'), progress = nullif(f.progress, 'null'), host = f.host, port = f.port, user = f.user, host_key = f.host_key,
      host_key_signature = f.signature, fact_at = ${nowMs}, acked_at = coalesce(a.acked_at, ${nowMs}),
      ready_at = CASE WHEN f.phase = 'running' THEN coalesce(a.ready_at, ${nowMs}) ELSE a.ready_at END,
      deadline_at = CASE WHEN a.deadline_at IS NULL OR f.phase = 'running' THEN NULL
        WHEN f.progress ->> 'stage' = 'init' THEN a.ready_by ELSE min(${nowMs + DEADLINE_MS.progress}, a.ready_by) END
    FROM ${facts(t)} f WHERE ${about(t)} AND ${taken(t)} AND a.ended_at IS NULL AND (a.fact_incarnation <> f.incarnation OR a.phase <> f.phase
      OR a.observed_generation <> f.observed_generation OR a.observed_restart_n <> f.restart_n OR a.observed_keys_n <> f.keys_n
      OR coalesce(a.error, 'null') <> f.error OR coalesce(a.progress, 'null') <> f.progress OR a.host_key IS NOT f.host_key OR a.port IS NOT f.port OR a.host IS NOT f.host
      OR a.user IS NOT f.user)
    RETURNING id, holder`
}
