import { sql, type SQL } from 'drizzle-orm'
import { toStop } from './stop.ts'

/** Proofs `p` that give way to a rent: their clock does not run yet, and the two before did not give way. */
export const yielding = sql.raw('p.ended_at IS NULL AND p.go_at IS NULL AND p.firm = 0')

/** Whether this allocation is such a proof. */
export const yields = (allocation: SQL) => sql`EXISTS (SELECT 1 FROM proofs p WHERE p.id = ${allocation} AND ${yielding})`

/**
 * Ends the proof of the host that a rent is about to get, and frees its cards for it, in the batch that gives them. The host is told to
 * stop the one and to start the other in the same wish, and does that in this order. Safe to repeat.
 * @param host the host it gets, a query with a column `hotkey`; none: nothing is ended
 */
export function preempt(rent: string, host: SQL, nowMs: number): SQL[] {
  const ended = sql`(SELECT p.id FROM proofs p WHERE p.preempted_by = ${rent})`
  return [
    sql`UPDATE proofs AS p SET preempted_by = ${rent} WHERE ${yielding} AND p.hotkey = (SELECT h.hotkey FROM (${host}) h) AND NOT EXISTS (SELECT 1 FROM allocations a WHERE a.id = ${rent})`,
    sql`UPDATE claims SET freed_at = ${nowMs} WHERE freed_at IS NULL AND allocation_id IN ${ended}`,
    sql`UPDATE allocations SET ${toStop('released', nowMs)} WHERE id IN ${ended} AND desired <> 'stop'`,
  ]
}

/** Whose proof a rent took the cards of. */
export const preempted = (rent: string): SQL => sql`SELECT p.id AS id, p.validator AS validator FROM proofs p WHERE p.preempted_by = ${rent}`
