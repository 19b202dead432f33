import { sql, type SQL } from 'drizzle-orm'
import { type Snapshot, SNAPSHOT_STALE_MS, type SnapshotNeuron } from '../../schema/snapshot.ts'
import type { RoleChanges } from '../../schema/tables/index.ts'

/** Latest posts kept of each validator, and rows kept of snapshots: those that were agreed on, and those that were not. */
const POSTS_KEPT = 50
const ROWS_KEPT = 32

/** No block is that far ahead of us: its time, or ours, is wrong. */
const AHEAD_MS = 10 * 60_000

/** A snapshot in the words of one validator. `trusted`: whose words count. */
export type Said = { hotkey: string; snapshot: Snapshot; digest: string; netuid: number; trusted: string[]; nowMs: number; trace: string }

const NOTHING: RoleChanges = { seen: 0, known: 0, counts: {}, hotkeys: [] }

const VOTES = sql.raw("('counted', 'applied', 'held')")
/** Words of a post `v` that count: who was trusted when it spoke may not be now. */
const among = (trusted: string[]) => sql`v.hotkey IN (SELECT value FROM json_each(${JSON.stringify(trusted)}))`

/** What becomes of it, by what is known already; see SNAPSHOT_OUTCOMES. The post itself changes nothing about it. */
function outcome({ hotkey, snapshot: s, digest, netuid, nowMs }: Said): SQL {
  const stale = s.timestamp_ms < nowMs - SNAPSHOT_STALE_MS || s.timestamp_ms > nowMs + AHEAD_MS
  const own = sql`(SELECT o.state FROM snapshots o WHERE o.digest = ${digest})`
  return sql`(CASE
    WHEN ${Number(s.netuid !== netuid)} OR EXISTS (SELECT 1 FROM snapshots a WHERE a.state = 'applied' AND a.genesis <> ${s.genesis}) THEN 'subnet'
    WHEN EXISTS (SELECT 1 FROM snapshot_posts p WHERE p.hotkey = ${hotkey} AND p.block = ${s.block} AND p.digest <> ${digest} AND p.outcome IN ${VOTES}) THEN 'changed'
    WHEN ${own} IN ('applied', 'held') THEN ${own}
    WHEN ${own} IN ('superseded', 'ignored') OR ${s.block} <= (SELECT max(a.block) FROM snapshots a WHERE a.state IN ('applied', 'held')) THEN 'older'
    WHEN ${Number(stale)} THEN 'stale'
    ELSE 'counted' END)`
}

/** Writes down what was said, and reads what came of it: outcome, votes, and the block that is applied. Safe to repeat: the same word again costs no row. */
export function hear(said: Said): SQL[] {
  const { hotkey, snapshot: s, digest, nowMs, trace } = said
  const became = outcome(said)
  return [
    sql`INSERT INTO snapshots (digest, netuid, genesis, block, block_hash, chain_at, owner_hotkey, neurons, uids, state, detail, first_at)
      SELECT ${digest}, ${s.netuid}, ${s.genesis}, ${s.block}, ${s.block_hash}, ${s.timestamp_ms}, ${s.owner_hotkey}, '[]', ${s.neurons.length}, 'collecting', ${JSON.stringify(NOTHING)}, ${nowMs}
      WHERE ${became} = 'counted' ON CONFLICT DO NOTHING`,
    sql`INSERT INTO snapshot_posts (at, hotkey, netuid, block, digest, outcome, trace_id)
      SELECT ${nowMs}, ${hotkey}, ${s.netuid}, ${s.block}, ${digest}, ${became}, ${trace}
      WHERE NOT EXISTS (SELECT 1 FROM snapshot_posts p WHERE p.digest = ${digest} AND p.hotkey = ${hotkey} AND p.outcome = ${became})`,
    ...prune(hotkey),
    sql`SELECT ${became} AS outcome, (SELECT count(DISTINCT v.hotkey) FROM snapshot_posts v WHERE v.digest = ${digest} AND v.outcome IN ${VOTES}
        AND ${among(said.trusted)}) AS votes,
      (SELECT a.block FROM snapshots a WHERE a.state = 'applied') AS block`,
  ]
}

/** However often a stolen key posts, no more than this is kept, and what others said stays. */
function prune(hotkey: string): SQL[] {
  const over = (agreed: SQL) => sql`DELETE FROM snapshots WHERE digest IN (SELECT digest FROM snapshots
    WHERE state NOT IN ('applied', 'held') AND ${agreed} ORDER BY first_at DESC, digest LIMIT -1 OFFSET ${ROWS_KEPT})`
  return [
    sql`DELETE FROM snapshot_posts WHERE hotkey = ${hotkey} AND id <= (SELECT id FROM snapshot_posts WHERE hotkey = ${hotkey} ORDER BY id DESC LIMIT 1 OFFSET ${POSTS_KEPT})`,
    over(sql`agreed_at IS NULL`),
    over(sql`agreed_at IS NOT NULL`),
  ]
}

/** An act on one snapshot: from this state, while that one (null: none) is applied. `token` tells its batch from any other. */
export type Act = { digest: string; from: 'collecting' | 'held' | 'applied'; was: string | null; token: string; nowMs: number }

/** True while the row is as this act left it: a batch that is repeated late changes nothing over what was decided since. */
export const won = ({ digest, token }: Act) =>
  sql`EXISTS (SELECT 1 FROM snapshots w WHERE w.digest = ${digest} AND w.token = ${token} AND w.state <> 'superseded')`

/** The roster is kept while roles follow it, or until a person decided about it; what is older is over. */
export function settle(act: Act, to: 'applied' | 'held', content: { block: number; neurons: SnapshotNeuron[]; detail: RoleChanges }): SQL[] {
  const { digest, from, was, token, nowMs } = act
  const over = to === 'applied' ? sql`('applied', 'held', 'collecting')` : sql`('held', 'collecting')`
  return [
    sql`UPDATE snapshots SET state = ${to}, neurons = ${JSON.stringify(content.neurons)}, detail = ${JSON.stringify(content.detail)}, token = ${token},
        agreed_at = coalesce(agreed_at, ${nowMs}), applied_at = ${to === 'applied' ? nowMs : null}
      WHERE digest = ${digest} AND state = ${from} AND (SELECT a.digest FROM snapshots a WHERE a.state = 'applied') IS ${was}
        AND NOT EXISTS (SELECT 1 FROM snapshots h WHERE h.state IN ('applied', 'held') AND h.block >= ${content.block} AND h.digest <> ${digest})`,
    sql`UPDATE snapshots SET state = 'superseded', neurons = '[]' WHERE state IN ${over} AND block <= ${content.block} AND digest <> ${digest} AND ${won(act)}`,
    sql`UPDATE snapshot_posts SET outcome = ${to} WHERE digest = ${digest} AND outcome = 'counted' AND ${won(act)}`,
  ]
}

/** A person decided that a snapshot is wrong: one that is held, or the one that was applied. */
export function ignore({ digest, from, token }: Act): SQL {
  return sql`UPDATE snapshots SET state = 'ignored', neurons = '[]', token = ${token} WHERE digest = ${digest} AND state = ${from}`
}

/** Of those in these states the latest; with `same`, of those that change the same. What is held comes first. */
export const latest = (states: string[], same: string | null) =>
  sql`SELECT digest, block FROM snapshots WHERE state IN (SELECT value FROM json_each(${JSON.stringify(states)})) AND (${same} IS NULL OR detail ->> 'same' = ${same})
    ORDER BY state = 'held' DESC, block DESC LIMIT 1`

/** The snapshot that roles follow. */
export const applied = () => sql`SELECT digest, neurons FROM snapshots WHERE state = 'applied'`
export const appliedAt = () => sql`SELECT digest, block, chain_at AS chainAtMs FROM snapshots WHERE state = 'applied'`

/** Whether the chain confirmed lately who may act. */
export const rolesFresh = (nowMs: number) => sql`EXISTS (SELECT 1 FROM snapshots f WHERE f.state = 'applied' AND f.chain_at >= ${nowMs - SNAPSHOT_STALE_MS})`

const SHOWN = 50

/** For people: what is known of the latest snapshots, and who of those that are trusted now said so. */
export function recentSnapshots(trusted: string[]): SQL {
  return sql`
    SELECT s.digest AS digest, s.block AS block, s.block_hash AS blockHash, s.uids AS uids, s.state AS state, s.detail AS detail, s.chain_at AS chainAt, s.first_at AS firstAt,
      s.agreed_at AS agreedAt, s.applied_at AS appliedAt,
      (SELECT json_group_array(DISTINCT v.hotkey) FROM snapshot_posts v WHERE v.digest = s.digest AND v.outcome IN ${VOTES} AND ${among(trusted)}) AS votes
    FROM snapshots s ORDER BY s.block DESC, s.first_at DESC LIMIT ${SHOWN}`
}

export const recentPosts = () => sql`SELECT at, hotkey, netuid, block, digest, outcome FROM snapshot_posts ORDER BY id DESC LIMIT ${SHOWN}`

/** The snapshot that waits for a person, and how much it changes. */
export const heldNow = () =>
  sql`SELECT digest, block, detail ->> 'seen' AS seen, detail ->> 'known' AS known FROM snapshots WHERE state = 'held' ORDER BY block DESC LIMIT 1`

/** Trusted validators that since then (ms) spoke of another chain, contradicted themselves, or said otherwise of a block than most. */
export function doubted(trusted: string[], netuid: number, sinceMs: number): SQL {
  const otherwise = sql`EXISTS (SELECT 1 FROM snapshots s WHERE s.block = p.block AND s.agreed_at IS NOT NULL AND s.digest <> p.digest) AND NOT EXISTS (SELECT 1 FROM snapshots s WHERE s.digest = p.digest AND s.agreed_at IS NOT NULL)`
  return sql`
    SELECT p.hotkey AS hotkey, max(p.outcome = 'subnet') AS elsewhere FROM json_each(${JSON.stringify(trusted)}) t JOIN snapshot_posts p ON p.hotkey = t.value
    WHERE p.at >= ${sinceMs} AND (p.outcome IN ('subnet', 'changed') OR p.netuid = ${netuid} AND ${otherwise}) GROUP BY 1 ORDER BY 1`
}
