import { sql, type SQL } from 'drizzle-orm'
import { taken, type Taken } from './taken.ts'

const REASON = 'unexplained'

/**
 * Containers a host cannot explain, but the edge can: they held GPUs of this very host and are over, so the wish says stop.
 * Those the edge does not know are left alone. A tombstone that was answered "gone" is laid again: it was not.
 */
export function layStrays(t: Taken): SQL {
  return sql`
    INSERT INTO tombstones (allocation_id, incarnation, hotkey, generation, trace_id, reason, made_at)
    SELECT a.id, u.incarnation, ${t.hotkey}, a.generation, a.trace_id, ${REASON}, ${t.nowMs}
    FROM (SELECT value ->> 'id' AS id, value ->> 'incarnation' AS incarnation FROM json_each(${JSON.stringify(t.report.unexplained)})) u
    JOIN allocations a ON a.id = u.id
    WHERE ${taken(t)} AND (a.ended_at IS NOT NULL OR a.hotkey <> ${t.hotkey} OR a.incarnation > u.incarnation)
      AND EXISTS (SELECT 1 FROM claims c WHERE c.allocation_id = u.id AND c.incarnation = u.incarnation AND c.hotkey = ${t.hotkey})
    ON CONFLICT (allocation_id, incarnation) DO UPDATE SET gone_at = NULL, made_at = excluded.made_at WHERE gone_at IS NOT NULL AND hotkey = excluded.hotkey`
}

/** An agent takes no wish older than the one it holds, and a tombstone alone raises no version. */
export function raiseForStrays(t: Taken): SQL {
  return sql`
    UPDATE miners SET wish_version = wish_version + 1 WHERE hotkey = ${t.hotkey} AND sync_token = ${t.token}
      AND EXISTS (SELECT 1 FROM tombstones d WHERE d.hotkey = ${t.hotkey} AND d.gone_at IS NULL AND d.made_at = ${t.nowMs})`
}

/** A host on which rentals died unheard takes claims again once a full report shows that nothing of them is left. */
export function releaseHeld(t: Taken): SQL {
  return sql`
    UPDATE miners SET held_since = NULL WHERE hotkey = ${t.hotkey} AND held_since IS NOT NULL AND sync_token = ${t.token} AND engine_ok = 1 AND unexplained = 0
      AND NOT EXISTS (SELECT 1 FROM tombstones d WHERE d.hotkey = ${t.hotkey} AND d.gone_at IS NULL)`
}
