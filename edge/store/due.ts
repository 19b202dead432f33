import { sql, type SQL } from 'drizzle-orm'
import { PROOF_DUE_MS, PROOF_HOLDS_MS } from '../../schema/proof.ts'

/** A stop or a report that is being written may say a time that is past already: what is counted so late is not taken back. */
const SETTLED_MS = 2 * 60_000

/** Milliseconds of the claim `c` under the rent `x`, as the trigger `claims_rented` will count them. */
export const running = (nowMs: number) =>
  sql`CASE WHEN x.ready_at IS NULL THEN 0 ELSE max(0, min(coalesce(x.stop_at, 9e15), ${nowMs - SETTLED_MS}) - c.claimed_at) END`

/** Whether rents took the cards of the last two proofs of this miner that could have come to something. */
export const twicePreempted = (hotkey: SQL) =>
  sql`(SELECT count(l.preempted_by) = 2 FROM (SELECT p.preempted_by FROM proofs p WHERE p.hotkey = ${hotkey} AND (p.preempted_by IS NOT NULL OR p.go_at IS NOT NULL)
    ORDER BY p.opened_at DESC LIMIT 2) l)`

/** Whether any validator proves at all: without one a card would be kept for nobody. */
const proving = (nowMs: number) => sql`EXISTS (SELECT 1 FROM proofs d WHERE d.closed_at > ${nowMs - PROOF_DUE_MS.lately})`

/** Whether the proof of a card `g` that nobody rents does not hold any more (DESIGN §9): by the time it was not rented since, or by the clock. */
const old = (nowMs: number) =>
  sql`(g.proved_at IS NULL OR ${nowMs} - g.proved_at > ${PROOF_HOLDS_MS.atMost} OR ${nowMs} - g.proved_at - (g.rented_ms - g.proved_rented_ms) > ${PROOF_HOLDS_MS.unrented})`

/**
 * Whether a card `g` is kept for a proof: a rent of it was over a while ago, and what is known of it does not hold. Never longer than
 * PROOF_DUE_MS.kept, and only while validators prove; a proof that had it ends this, whatever came of it.
 */
export const kept = (nowMs: number) =>
  sql`(coalesce(g.released_at, 0) > ${nowMs - PROOF_DUE_MS.kept} AND (${old(nowMs)} OR ${twicePreempted(sql`g.hotkey`)}) AND ${proving(nowMs)})`

/** Milliseconds in which nobody rented card `g` since its last valid proof; null: there is none. `c` and `x` are its live claim and the rent of that. */
export const unrented = (nowMs: number) => sql`max(0, ${nowMs} - g.proved_at - max(0, g.rented_ms + coalesce(${running(nowMs)}, 0) - g.proved_rented_ms))`

/** The live claim `c` of card `g`, and the rent `x` it is of. */
export const withRent = sql`LEFT JOIN claims c ON c.hotkey = g.hotkey AND c.uuid = g.uuid AND c.freed_at IS NULL
    LEFT JOIN allocations x ON x.id = c.allocation_id AND x.incarnation = c.incarnation AND x.purpose = 'rent'`
