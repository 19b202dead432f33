import { sql } from 'drizzle-orm'
import type { DISKS, NETWORKS } from '../../schema/miner.ts'
import type { Online } from '../../schema/tables/agents.ts'
import { type Asker, mayTake } from './candidates.ts'
import { type Db, read, retrying, type Rows } from './db.ts'
import { kept, unrented, withRent } from './due.ts'
import { fresh, holds } from './publications.ts'

export type OfferQuery = {
  model?: string | undefined
  min_vram_gb?: number | undefined
  free?: number | undefined
  image?: string | undefined
  hotkey?: string | undefined
  limit: number
}

export type OfferRow = {
  hotkey: string
  model: string
  vramMb: number
  total: number
  free: number
  driver: 'docker' | 'box'
  isolation: string
  disk: (typeof DISKS)[number]
  network: (typeof NETWORKS)[number]
  simulated: number
  images: string
  /** Of the card that was proved longest ago, in milliseconds it was not rented since; null: one was never proved. */
  proofAge: number | null
}

/** GPUs on the market by host and model: hosts that would take a claim of this asker only, fullest free first. */
export async function offers(db: Db, q: OfferQuery, asker: Asker): Promise<OfferRow[]> {
  const free = sql`(g.claimed_by IS NULL AND NOT ${kept(asker.nowMs)})`
  return retrying(() =>
    db.all<OfferRow>(sql`
      SELECT g.hotkey AS hotkey, g.model AS model, g.vram_mb AS vramMb, count(*) AS total, sum(${free}) AS free, m.driver AS driver, m.isolation AS isolation, m.disk AS disk, m.network AS network,
        m.simulated AS simulated, CASE WHEN count(g.proved_at) = count(*) THEN max(${unrented(asker.nowMs)}) END AS proofAge,
        (SELECT json_group_array(json_object('reference', i.reference, 'warm', json(CASE WHEN i.warm THEN 'true' ELSE 'false' END))) FROM miner_images i WHERE i.hotkey = g.hotkey) AS images
      FROM gpus g JOIN miners m ON m.hotkey = g.hotkey JOIN agents a ON a.hotkey = g.hotkey ${withRent}
      WHERE g.gone_at IS NULL AND instr(g.model_key, ${(q.model ?? '').toLowerCase()}) > 0 AND g.vram_mb >= ${Math.floor((q.min_vram_gb ?? 0) * 1024)}
        AND g.missing = 0 AND ${mayTake(asker)}
        ${q.hotkey ? sql`AND g.hotkey = ${q.hotkey}` : sql``}
        ${q.image ? sql`AND EXISTS (SELECT 1 FROM miner_images i WHERE i.hotkey = g.hotkey AND i.reference = ${q.image})` : sql``}
      GROUP BY g.hotkey, g.model, g.vram_mb HAVING sum(${free}) >= ${q.free ?? 0}
      ORDER BY free DESC, g.hotkey, g.model LIMIT ${q.limit}`),
  )
}

export type MinerRow = {
  hotkey: string
  standing: 'active' | 'draining'
  online: Online
  fresh: number
  engineOk: number
  gpuError: string | null
  heldSince: number | null
  total: number
  free: number
  models: string
  driver: 'docker' | 'box'
  isolation: string
  disk: (typeof DISKS)[number]
  network: (typeof NETWORKS)[number]
  simulated: number
  version: string
  protocol: number
  registeredAt: number
  reportAt: number | null
  score: number | null
  scoredAt: number | null
  scoredBy: number
}

/** Whether clients are told of a miner: rows `m` (miners) and `a` (agents). One that the chain does not know any more is, while something is rented there. */
export const listed = sql.raw(`a.standing <> 'removed' AND a.role = 'miner' AND (a.uid IS NOT NULL OR a.source = 'allow'
  OR EXISTS (SELECT 1 FROM claims l WHERE l.hotkey = m.hotkey AND l.freed_at IS NULL))`)

/** Registered miners, by hotkey, after `after`. */
export async function miners(db: Db, q: { hotkey?: string | undefined; after?: string | undefined; limit: number; nowMs: number }): Promise<MinerRow[]> {
  const proved = sql`FROM said v JOIN scores s ON s.validator = v.validator AND s.hotkey = m.hotkey WHERE s.own = 1`
  return retrying(() =>
    db.all<MinerRow>(sql`
      WITH said AS MATERIALIZED (SELECT validator, at FROM ${fresh(q.nowMs)} WHERE kind = 'scores')
      SELECT m.hotkey AS hotkey, a.standing AS standing, m.online AS online, m.fresh AS fresh, m.engine_ok AS engineOk, m.gpu_error AS gpuError, m.held_since AS heldSince, m.driver AS driver, m.isolation AS isolation, m.disk AS disk, m.network AS network,
        m.simulated AS simulated, m.version AS version, m.protocol AS protocol, m.registered_at AS registeredAt, m.report_at AS reportAt, m.score AS score,
        (SELECT max(v.at) ${proved}) AS scoredAt, (SELECT count(*) ${proved}) AS scoredBy,
        (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL) AS total,
        (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL AND g.claimed_by IS NULL AND NOT ${kept(q.nowMs)}) AS free,
        (SELECT json_group_array(DISTINCT g.model) FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL) AS models
      FROM miners m JOIN agents a ON a.hotkey = m.hotkey
      WHERE ${listed} AND m.hotkey > ${q.after ?? ''} ${q.hotkey ? sql`AND m.hotkey = ${q.hotkey}` : sql``}
      ORDER BY m.hotkey LIMIT ${q.limit}`),
  )
}

export type ScoreOf = { validator: string; score: number; own: number; model: string | null; count: number | null; at: number }
export type PenaltyOf = { validator: string; reason: string; fromAt: number; untilAt: number | null }

/** What each validator says of a miner of late, highest number first, and whose penalties hold now. */
export async function saidOf(db: Db, hotkey: string, nowMs: number): Promise<{ scores: ScoreOf[]; penalties: PenaltyOf[] }> {
  const [scores, penalties] = (await read(db, [
    sql`SELECT s.validator AS validator, s.score AS score, s.own AS own, s.model AS model, s.count AS count, v.at AS at
      FROM scores s JOIN ${fresh(nowMs)} v ON v.validator = s.validator AND v.kind = 'scores' WHERE s.hotkey = ${hotkey} ORDER BY s.score DESC, s.validator`,
    sql`SELECT n.validator AS validator, n.reason AS reason, n.from_at AS fromAt, n.until_at AS untilAt
      FROM penalties n JOIN ${fresh(nowMs)} v ON v.validator = n.validator AND v.kind = 'penalties'
      WHERE n.hotkey = ${hotkey} AND ${holds(nowMs)} ORDER BY n.from_at, n.validator`,
  ])) as [Rows, Rows]
  return { scores: scores as ScoreOf[], penalties: penalties as PenaltyOf[] }
}
