import { sql, type SQL } from 'drizzle-orm'
import type { Online } from '../../schema/tables/agents.ts'

/** How a miner is; null: nothing is said about that. */
export type Seen = { hotkey: string; online: Online | null; fresh: boolean | null }

const rowsOf = (seen: Seen[]) => JSON.stringify(seen)

/**
 * Writes what a look at this time (ms) found, where it differs, then reads what stands there.
 * A report taken since knows better, so a write that comes late changes nothing.
 */
export function tellSeen(seen: Seen[], lookedAtMs: number): SQL[] {
  return [
    sql`UPDATE miners AS m SET online = coalesce(v.online, m.online), online_at = CASE WHEN m.online <> v.online THEN ${lookedAtMs} ELSE m.online_at END,
        fresh = coalesce(v.fresh, m.fresh), silent_minutes = CASE WHEN v.online IN ('online', 'suspect') THEN 0 ELSE m.silent_minutes END
      FROM (SELECT value ->> 'hotkey' AS hotkey, value ->> 'online' AS online, value ->> 'fresh' AS fresh FROM json_each(${rowsOf(seen)})) v
      WHERE m.hotkey = v.hotkey AND coalesce(m.report_at, m.registered_at) <= ${lookedAtMs}
        AND (m.online <> coalesce(v.online, m.online) OR m.fresh <> coalesce(v.fresh, m.fresh))`,
    sql`SELECT hotkey, online, fresh FROM miners WHERE hotkey IN (SELECT value ->> 'hotkey' FROM json_each(${rowsOf(seen)}))`,
  ]
}

/** A page of miners as the database has them, for their shards to compare; after the one that the last tick ended with. */
export function nextPage(limit: number): SQL {
  return sql`
    SELECT m.hotkey AS hotkey, m.online AS online, m.fresh AS fresh FROM miners m JOIN agents a ON a.hotkey = m.hotkey
    WHERE m.hotkey > coalesce((SELECT value FROM settings WHERE name = 'compared_to'), '') AND a.role = 'miner' AND a.standing <> 'removed' ORDER BY m.hotkey LIMIT ${limit}`
}

/** A row of the two above. */
export function seenOf(row: Record<string, unknown>): Seen {
  const { hotkey, online, fresh } = row as { hotkey: string; online: Online; fresh: number }
  return { hotkey, online, fresh: fresh === 1 }
}
