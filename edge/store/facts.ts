import { sql, type SQL } from 'drizzle-orm'
import type { EventKind } from '../../schema/event.ts'
import { DEADLINE_MS } from '../../schema/protocol.ts'
import { taken, type Taken } from './taken.ts'

/** The facts of a report as rows. */
export const facts = (t: Taken) => sql`(SELECT value ->> 'id' AS id, value ->> 'incarnation' AS incarnation, value ->> 'phase' AS phase,
    value ->> 'observed_generation' AS observed_generation, value ->> 'restart_n' AS restart_n, value ->> 'keys_n' AS keys_n,
    value -> 'error' AS error, value -> 'took' AS took, value -> 'progress' AS progress, value -> 'endpoint' ->> 'host' AS host, value -> 'endpoint' ->> 'port' AS port,
    value -> 'endpoint' ->> 'user' AS user, value -> 'endpoint' ->> 'host_key' AS host_key, value -> 'endpoint' ->> 'signature' AS signature
  FROM json_each(${JSON.stringify(t.report.allocations)}))`

const about = (t: Taken) => sql`a.id = f.id AND a.incarnation = f.incarnation AND a.hotkey = ${t.hotkey}`

/** How far a fact about this very container had got; one about an older incarnation says nothing of it. */
const seen = (column: SQL) => sql`CASE WHEN a.fact_incarnation = f.incarnation THEN ${column} ELSE 0 END`

/** A counter that grew to a number nobody was told of yet; one above what was asked for is not believed. */
const grew = (kind: EventKind, told: SQL, before: SQL, asked: SQL) => sql`(${told} > ${seen(before)} AND ${told} <= ${asked}
  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.allocation_id = a.id AND e.kind = ${kind} AND e.data ->> 'n' >= ${told}))`

/** The last event of this allocation among some kinds: one column of it. */
const last = (column: SQL, kinds: SQL) => sql`(SELECT ${column} FROM events e WHERE e.allocation_id = a.id AND e.kind ${kinds} ORDER BY e.id DESC LIMIT 1)`

/** A phase that moved, by the word that says most. What is lost while rented has failed: `stopLost` writes that wish in the same batch. */
const word = (nowMs: number) => sql`CASE
    WHEN f.phase = 'running' AND a.ready_at IS NULL AND a.desired = 'run' THEN 'ready'
    WHEN f.phase = 'running' AND a.desired = 'run' AND ${last(sql`e.kind`, sql`IN ('paused', 'resumed')`)} = 'paused' THEN 'resumed'
    WHEN f.phase = 'paused' THEN 'paused'
    WHEN f.phase = 'gone' AND (a.desired = 'stop' OR a.expires_at <= ${nowMs}) THEN 'ended'
    WHEN f.phase IN ('failed', 'gone') AND a.desired <> 'stop' AND a.ready_at IS NOT NULL THEN 'failed'
    ELSE 'phase' END`

/** Which request a fact answers: its trace leads from what was asked to what was done. */
const answers = sql`CASE w.kind
    WHEN 'paused' THEN ${last(sql`e.trace_id`, sql`= 'pause_asked'`)}
    WHEN 'resumed' THEN ${last(sql`e.trace_id`, sql`= 'resume_asked'`)}
    WHEN 'restarted' THEN ${last(sql`e.trace_id`, sql`= 'restart_asked'`)}
    WHEN 'rekeyed' THEN ${last(sql`e.trace_id`, sql`= 'rekey_asked'`)}
    WHEN 'ended' THEN ${last(sql`e.trace_id`, sql`= 'stop_asked'`)}
    WHEN 'phase' THEN CASE WHEN w.behind THEN ${last(sql`e.trace_id`, sql`IN ('pause_asked', 'resume_asked', 'restart_asked', 'rekey_asked', 'stop_asked')`)} END END`

/**
 * What a report says that the tenant was not told: a phase that moved, restarts and changes of keys that were done; several may come
 * at once. Runs before the facts are written, or there would be no difference to see. A key that is null is left out of the data.
 */
export function tellPhases(t: Taken): SQL {
  const { nowMs } = t
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${nowMs}, a.holder, a.id, w.kind, json_patch(json_object('phase', w.phase, 'hotkey', a.hotkey, 'incarnation', a.incarnation),
        CASE w.kind WHEN 'ready' THEN json_object('took', json(w.took)) WHEN 'restarted' THEN json_object('n', w.restart_n) WHEN 'rekeyed' THEN json_object('n', w.keys_n)
          WHEN 'ended' THEN json_object('reason', coalesce(a.stop_reason, 'expired'))
          ELSE json_object('error', w.error ->> 'code', 'reason', CASE WHEN w.kind = 'failed' THEN CASE WHEN a.expires_at <= ${nowMs} THEN 'expired' ELSE 'lost' END END) END),
      coalesce(${answers}, a.trace_id)
    FROM (SELECT f.*, k.key AS place, a.observed_generation < a.generation AS behind, CASE k.value WHEN 'phase' THEN ${word(nowMs)} ELSE k.value END AS kind
      FROM ${facts(t)} f JOIN allocations a ON ${about(t)} JOIN json_each('["phase","restarted","rekeyed"]') k
      WHERE ${taken(t)} AND a.ended_at IS NULL AND CASE k.value WHEN 'phase' THEN a.phase <> f.phase OR a.fact_incarnation <> f.incarnation
        WHEN 'restarted' THEN ${grew('restarted', sql`f.restart_n`, sql`a.observed_restart_n`, sql`a.restart_n`)}
        ELSE ${grew('rekeyed', sql`f.keys_n`, sql`a.observed_keys_n`, sql`a.keys_n`)} END) w
    JOIN allocations a ON a.id = w.id ORDER BY a.id, w.place`
}

/**
 * Writes what changed, and only that: an idle report costs no row. The deadline moves with progress and goes with readiness; a client's own
 * init commands may take all the time the client gave. What runs only after it was asked to stop was never ready: its time does not count as rented.
 */
export function takeFacts(t: Taken): SQL {
  const { nowMs } = t
  return sql`
    UPDATE allocations AS a SET phase = f.phase, fact_incarnation = f.incarnation, observed_generation = f.observed_generation, observed_restart_n = f.restart_n,
      observed_keys_n = f.keys_n, error = nullif(f.error, 'null'), progress = nullif(f.progress, 'null'), host = f.host, port = f.port, user = f.user, host_key = f.host_key,
      host_key_signature = f.signature, fact_at = ${nowMs}, acked_at = coalesce(a.acked_at, ${nowMs}),
      ready_at = CASE WHEN f.phase = 'running' AND a.desired <> 'stop' THEN coalesce(a.ready_at, ${nowMs}) ELSE a.ready_at END,
      deadline_at = CASE WHEN a.deadline_at IS NULL OR f.phase = 'running' THEN NULL
        WHEN f.progress ->> 'stage' = 'init' THEN a.ready_by ELSE min(${nowMs + DEADLINE_MS.progress}, a.ready_by) END
    FROM ${facts(t)} f WHERE ${about(t)} AND ${taken(t)} AND a.ended_at IS NULL AND (a.fact_incarnation <> f.incarnation OR a.phase <> f.phase
      OR a.observed_generation <> f.observed_generation OR a.observed_restart_n <> f.restart_n OR a.observed_keys_n <> f.keys_n
      OR coalesce(a.error, 'null') <> f.error OR coalesce(a.progress, 'null') <> f.progress OR a.host_key IS NOT f.host_key OR a.port IS NOT f.port OR a.host IS NOT f.host
      OR a.user IS NOT f.user)
    RETURNING id, holder`
}
