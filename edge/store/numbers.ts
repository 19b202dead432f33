import { sql } from 'drizzle-orm'
import { PROOF_HOLDS_MS } from '../../schema/proof.ts'
import { PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import { type Db, retrying } from './db.ts'
import { kept, unrented, withRent } from './due.ts'
import { EVENTS_SKIPPED } from './events.ts'
import { listed } from './market.ts'
import { fresh } from './publications.ts'

/** One number of the database, such as ('allocations', 'running', 12). */
export type Numbered = { name: string; label: string; value: number }

/** `shown()` of schema/shown.ts in SQL, over an alias `a`; a test holds the two together. */
export const shownState = sql.raw(`CASE
  WHEN a.desired = 'stop' AND a.stop_reason IN ('no_capacity', 'not_ready', 'lost') THEN 'failed'
  WHEN a.ended_at IS NOT NULL THEN 'ended'
  WHEN a.desired = 'stop' THEN CASE WHEN a.phase = 'gone' AND a.fact_incarnation = a.incarnation THEN 'ended' ELSE 'stopping' END
  WHEN a.unreachable_since IS NOT NULL THEN 'unreachable'
  WHEN a.fact_incarnation <> a.incarnation THEN 'pending'
  WHEN a.phase IN ('running', 'paused', 'stopping') THEN a.phase
  WHEN a.phase IN ('pulling', 'creating', 'starting') THEN 'starting'
  ELSE 'pending' END`)

/** `statusOf()` of verbs/status.ts in SQL, over `m` (miners) and `a` (agents); the test holds these two together as well. */
export const minerStatus = sql.raw(`CASE
  WHEN m.protocol < ${PROTOCOL_OLDEST} THEN 'too_old' WHEN a.standing = 'draining' THEN 'draining'
  WHEN m.online <> 'online' THEN m.online WHEN m.engine_ok <> 1 OR m.gpu_error IS NOT NULL THEN 'engine_down' WHEN m.held_since IS NOT NULL THEN 'held'
  WHEN m.fresh = 0 THEN 'stale' ELSE 'ready' END`)

/** Models told apart, the most common ones: each is a series for whoever scrapes, and miners name their own GPUs. */
const MODELS = 100

const DAY_MS = 24 * 3600_000
const PROOF_STAGE = sql.raw("CASE WHEN p.committed_at IS NOT NULL THEN 'committed' WHEN p.go_at IS NOT NULL THEN 'go' ELSE 'starting' END")
/** `failed` is by its validator, `not_served` by its miner. */
const PROOF_END = sql.raw(
  `CASE WHEN p.closed_at IS NOT NULL THEN p.result WHEN p.preempted_by IS NOT NULL THEN 'preempted' WHEN p.ended_at >= p.ends_at THEN 'expired' ELSE 'not_served' END`,
)

/** How long the oldest delivery to a webhook is overdue. */
const outboxLag = (nowMs: number) => sql`(SELECT max(0, ${nowMs} - coalesce(min(due_at), ${nowMs})) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL)`

/** Everything /metrics reads from the database, in one statement however many rows there are. Times in milliseconds. */
export async function numbers(db: Db, nowMs: number): Promise<Numbered[]> {
  return retrying(() =>
    db.all<Numbered>(sql`
      WITH shown AS (SELECT g.model AS model, count(*) AS n, sum(coalesce(y.purpose = 'rent', 0)) AS held, sum(coalesce(y.purpose = 'proof', 0)) AS proving
        FROM gpus g LEFT JOIN allocations y ON y.id = g.claimed_by WHERE g.gone_at IS NULL GROUP BY g.model ORDER BY n DESC, g.model LIMIT ${MODELS})
      SELECT 'allocations' AS name, ${shownState} AS label, count(*) AS value FROM allocations a WHERE a.ended_at IS NULL AND a.purpose = 'rent' GROUP BY 2
      UNION ALL SELECT 'gpus', model, n FROM shown
      UNION ALL SELECT 'gpus_claimed', model, held FROM shown
      UNION ALL SELECT 'gpus_proving', model, proving FROM shown WHERE proving > 0
      UNION ALL SELECT 'gpus_kept', '', count(*) FROM gpus g WHERE g.claimed_by IS NULL AND g.gone_at IS NULL AND ${kept(nowMs)}
      UNION ALL SELECT 'gpus_proved', '', count(*) FROM gpus g ${withRent} WHERE g.gone_at IS NULL AND g.proved_at >= ${nowMs - PROOF_HOLDS_MS.atMost} AND ${unrented(nowMs)} <= ${PROOF_HOLDS_MS.unrented}
      UNION ALL SELECT 'proofs_open', ${PROOF_STAGE}, count(*) FROM proofs p WHERE p.ended_at IS NULL GROUP BY 2
      UNION ALL SELECT 'proofs_ended', ${PROOF_END}, count(*) FROM proofs p WHERE p.ended_at > ${nowMs - DAY_MS} GROUP BY 2
      UNION ALL SELECT 'proof_age', '', max(0, ${nowMs} - at) FROM (SELECT max(closed_at) AS at FROM proofs WHERE closed_at IS NOT NULL) WHERE at IS NOT NULL
      UNION ALL SELECT 'miners', ${minerStatus}, count(*) FROM miners m JOIN agents a ON a.hotkey = m.hotkey WHERE ${listed} GROUP BY 2
      UNION ALL SELECT 'agents', role || ' ' || standing, count(*) FROM agents GROUP BY 2
      UNION ALL SELECT 'snapshot_posts', outcome, count(*) FROM snapshot_posts GROUP BY 2
      UNION ALL SELECT 'snapshot_block', '', block FROM snapshots WHERE state = 'applied'
      UNION ALL SELECT 'snapshot_age', '', max(0, ${nowMs} - chain_at) FROM snapshots WHERE state = 'applied'
      UNION ALL SELECT 'snapshot_held', '', count(*) FROM snapshots WHERE state = 'held'
      UNION ALL SELECT 'publication_age', '', max(0, ${nowMs} - at) FROM (SELECT max(at) AS at FROM publications) WHERE at IS NOT NULL
      UNION ALL SELECT 'publishing', '', count(DISTINCT validator) FROM ${fresh(nowMs)}
      UNION ALL SELECT 'miners_scored', '', count(*) FROM miners WHERE score IS NOT NULL
      UNION ALL SELECT 'overdue', '', max(0, ${nowMs} - coalesce(min(deadline_at), ${nowMs})) FROM allocations WHERE deadline_at IS NOT NULL AND desired = 'run'
      UNION ALL SELECT 'outbox_pending', '', count(*) FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL
      UNION ALL SELECT 'outbox_lag', '', ${outboxLag(nowMs)}
      UNION ALL SELECT 'events', '', coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0) - coalesce((SELECT CAST(value AS INTEGER) FROM settings WHERE name = ${EVENTS_SKIPPED}), 0)
      UNION ALL SELECT 'tombstones', '', count(*) FROM tombstones WHERE gone_at IS NULL`),
  )
}

export async function outboxLagMs(db: Db, nowMs: number): Promise<number> {
  const [row] = await retrying(() => db.all<{ lag: number }>(sql`SELECT ${outboxLag(nowMs)} AS lag`))
  return row?.lag ?? 0
}

/** Single facts of this edge by name. */
export async function settingsOf(db: Db): Promise<Map<string, string>> {
  const rows = await retrying(() => db.all<{ name: string; value: string }>(sql`SELECT name, value FROM settings`))
  return new Map(rows.map(({ name, value }) => [name, value]))
}
