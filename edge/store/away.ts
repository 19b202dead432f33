import { sql, type SQL } from 'drizzle-orm'
import { BRAKE, DEAD_END } from '../../schema/protocol.ts'

const AT_A_TIME = 500
/** Hosts of rentals that are away; more than this at once is a case for the brake. */
const AWAY_AT_A_TIME = 5000

/** In words that the index of those away is made with. */
const away = sql`m.online <> 'online' AND m.online = 'unreachable'`

/** Unreachable miners on which something is left to end: a rental, or a GPU that is held. */
export function awayWithRentals(): SQL {
  return sql`
    SELECT m.hotkey AS hotkey FROM miners m WHERE ${away} AND (EXISTS (SELECT 1 FROM allocations a WHERE a.hotkey = m.hotkey AND a.ended_at IS NULL)
      OR EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = m.hotkey AND c.freed_at IS NULL)) ORDER BY m.hotkey LIMIT ${AWAY_AT_A_TIME}`
}

/** How many miners went away; see `brake`. Who is no longer admitted counts for nothing. */
export function countAway(nowMs: number): SQL {
  const brake = (path: string) => sql`(SELECT value ->> ${path} FROM settings WHERE name = 'brake')`
  const since = sql`coalesce(${brake('since')}, ${nowMs}) - ${BRAKE.windowMs}`
  const gone = (after: SQL) =>
    sql`(SELECT count(*) FROM miners m JOIN agents a ON a.hotkey = m.hotkey WHERE ${away} AND m.online_at > ${after} AND a.standing <> 'removed')`
  return sql`
    SELECT ${gone(sql`max(${nowMs - BRAKE.windowMs}, coalesce(${brake('released_at')}, 0))`)} AS fresh, ${gone(since)} AS since,
      (SELECT count(*) FROM miners) - (SELECT count(*) FROM miners m WHERE ${away} AND m.online_at <= ${since}) AS total`
}

/** Rentals whose host went away or came back are marked, and their tenants told. One on its way is not: it fails over. */
export function mark(nowMs: number): SQL[] {
  const gone = sql`a.id IN (SELECT x.id FROM miners m CROSS JOIN allocations x ON x.hotkey = m.hotkey
    WHERE ${away} AND x.ended_at IS NULL AND x.unreachable_since IS NULL AND (x.ready_at IS NOT NULL OR x.desired = 'stop') ORDER BY x.id LIMIT ${AT_A_TIME})`
  // Ordered as the index of those away has them: by id alone every allocation there ever was would be read.
  const back = sql`a.id IN (SELECT x.id FROM allocations x JOIN miners m ON m.hotkey = x.hotkey
    WHERE x.unreachable_since IS NOT NULL AND x.ended_at IS NULL AND m.online <> 'unreachable' ORDER BY x.hotkey, x.id LIMIT ${AT_A_TIME})`
  return [
    told(nowMs, 'unreachable', gone),
    sql`UPDATE allocations AS a SET unreachable_since = (SELECT coalesce(m.online_at, ${nowMs}) FROM miners m WHERE m.hotkey = a.hotkey) WHERE ${gone} RETURNING id, holder`,
    told(nowMs, 'reachable', back),
    sql`UPDATE allocations AS a SET unreachable_since = NULL WHERE ${back} RETURNING id, holder`,
  ]
}

function told(nowMs: number, kind: 'unreachable' | 'reachable', which: SQL): SQL {
  return sql`INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${nowMs}, a.holder, a.id, ${kind}, json_object('hotkey', a.hotkey), a.trace_id FROM allocations a WHERE ${which} AND a.desired <> 'stop'`
}

/** `from`: when sweep ran before (ms), so that a tick that runs twice counts once. `seen`: watched this minute; `unseen`: their count begins anew. */
export type Minute = { from: number; seen: string[]; unseen: string[] }

/** Counts a minute of silence that was really seen. */
export function countMinute({ from, seen, unseen }: Minute): SQL[] {
  const once = sql`EXISTS (SELECT 1 FROM settings s WHERE s.name = 'swept_at' AND s.value = ${String(from)})`
  const among = (hotkeys: string[]) => sql`m.hotkey IN (SELECT value FROM json_each(${JSON.stringify(hotkeys)}))`
  return [
    sql`UPDATE miners AS m SET silent_minutes = 0 WHERE ${away} AND m.silent_minutes > 0 AND ${among(unseen)}`,
    sql`UPDATE miners AS m SET silent_minutes = m.silent_minutes + 1 WHERE ${away} AND ${among(seen)} AND ${once}`,
  ]
}

/**
 * Ends what lives on hosts that were seen to be away for too long, by count and by clock: cron may fire too often. Their GPUs are free then, but such a host takes no claim until a full
 * report shows that it is empty; it is told to stop what it may still run as soon as it speaks.
 */
export function endUnheard(nowMs: number, seen: string[]): SQL[] {
  const held = sql`(SELECT m.hotkey FROM miners m WHERE ${away} AND m.held_since = ${nowMs})`
  return [
    sql`UPDATE miners AS m SET held_since = ${nowMs} WHERE ${away} AND m.silent_minutes >= ${DEAD_END.minutes} AND m.online_at <= ${nowMs - (DEAD_END.minutes - 1) * 60_000}
      AND m.hotkey IN (SELECT value FROM json_each(${JSON.stringify(seen)}))
      AND (EXISTS (SELECT 1 FROM allocations a WHERE a.hotkey = m.hotkey AND a.ended_at IS NULL) OR EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = m.hotkey AND c.freed_at IS NULL))`,
    sql`INSERT INTO tombstones (allocation_id, incarnation, hotkey, generation, trace_id, reason, made_at)
      SELECT a.id, a.incarnation, a.hotkey, a.generation + 1, a.trace_id, 'unreachable', ${nowMs} FROM allocations a WHERE a.ended_at IS NULL AND a.hotkey IN ${held} ON CONFLICT DO NOTHING`,
    sql`INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
      SELECT ${nowMs}, a.holder, a.id, 'ended', json_object('hotkey', a.hotkey, 'reason', coalesce(a.stop_reason, 'unreachable')), a.trace_id
      FROM allocations a WHERE a.ended_at IS NULL AND a.hotkey IN ${held}`,
    sql`UPDATE allocations SET desired = 'stop', stop_reason = coalesce(stop_reason, 'unreachable'), stop_at = coalesce(stop_at, ${nowMs}), ended_at = ${nowMs},
        end_reason = coalesce(stop_reason, 'unreachable'), generation = generation + 1, deadline_at = NULL
      WHERE ended_at IS NULL AND hotkey IN ${held} RETURNING id, holder`,
    sql`UPDATE claims SET freed_at = ${nowMs} WHERE freed_at IS NULL AND hotkey IN ${held}`,
  ]
}

/** Puts the brake as it should stand; a person who released it meanwhile is not overruled. @param was the value it was judged by */
export function setBrake(value: string | null, was: string | null): SQL {
  if (value === null) return sql`DELETE FROM settings WHERE name = 'brake' AND value IS ${was}`
  return sql`INSERT INTO settings (name, value) VALUES ('brake', ${value}) ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE settings.value IS ${was} AND settings.value IS NOT excluded.value`
}
