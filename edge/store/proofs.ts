import { sql, type SQL } from 'drizzle-orm'
import type { Phase, StopReason } from '../../schema/allocation.ts'
import { makeId } from '../../schema/ids.ts'
import { PROOF_DUE_MS, type ProofVerdict } from '../../schema/proof.ts'
import type { Tried } from '../../schema/tables/allocations.ts'
import { toStop } from './stop.ts'

type Raw = {
  id: string
  hotkey: string
  openedAt: number
  endsAt: number
  goAt: number | null
  committedAt: number | null
  digest: string | null
  closedAt: number | null
  preemptedBy: string | null
  endedAt: number | null
  verdict: string | null
  incarnation: number
  phase: Phase
  readyAt: number | null
  stopReason: StopReason | null
  tried: string
  error: string | null
  host: string | null
  port: number | null
  user: string | null
  hostKey: string | null
  hostKeySignature: string | null
  gpus: string
}

export type CardRow = { uuid: string; model: string; vram_mb: number; simulated: boolean; rented_ms: number }
/** A proof with its allocation and cards. */
export type ProofRow = Omit<Raw, 'verdict' | 'tried' | 'error' | 'gpus'> & {
  verdict: ProofVerdict | null
  tried: Tried[]
  error: { code: string; message: string } | null
  gpus: CardRow[]
}

/** A proof of this validator: another's looks the same as none. @param also a condition on `p` and `a` */
export function proofOf(validator: string, also: SQL): SQL {
  return sql`
    SELECT p.id AS id, p.hotkey AS hotkey, p.opened_at AS openedAt, p.ends_at AS endsAt, p.go_at AS goAt, p.committed_at AS committedAt, p.digest AS digest, p.closed_at AS closedAt,
      p.preempted_by AS preemptedBy, p.ended_at AS endedAt, p.verdict AS verdict, a.incarnation AS incarnation, a.phase AS phase, a.ready_at AS readyAt, a.stop_reason AS stopReason,
      a.tried AS tried, a.error AS error, a.host AS host, a.port AS port, a.user AS user, a.host_key AS hostKey, a.host_key_signature AS hostKeySignature,
      (SELECT json_group_array(json_object('uuid', g.uuid, 'model', g.model, 'vram_mb', g.vram_mb, 'simulated', json(iif(g.simulated, 'true', 'false')), 'rented_ms', g.rented_ms))
        FROM claims c JOIN gpus g ON g.hotkey = c.hotkey AND g.uuid = c.uuid WHERE c.allocation_id = p.id) AS gpus
    FROM proofs p JOIN allocations a ON a.id = p.id WHERE p.validator = ${validator} AND ${also}`
}

export function proofRow(raw: Record<string, unknown>): ProofRow {
  const row = raw as Raw
  return {
    ...row,
    verdict: row.verdict === null ? null : (JSON.parse(row.verdict) as ProofVerdict),
    tried: JSON.parse(row.tried) as Tried[],
    error: row.error === null ? null : (JSON.parse(row.error) as NonNullable<ProofRow['error']>),
    gpus: JSON.parse(row.gpus) as CardRow[],
  }
}

const mine = (validator: string, id: string) => sql`id = ${id} AND validator = ${validator}`
/** Open, and not for too long. */
const open = (nowMs: number) => sql`ended_at IS NULL AND ends_at > ${nowMs}`

export type Mark = { validator: string; id: string; nowMs: number }

/** The clock is about to start. From here on no rent takes the cards: both are decided under the one write lock. */
export function markGo({ validator, id, nowMs }: Mark): SQL {
  return sql`UPDATE proofs SET go_at = ${nowMs} WHERE ${mine(validator, id)} AND ${open(nowMs)} AND go_at IS NULL
    AND EXISTS (SELECT 1 FROM allocations a WHERE a.id = ${id} AND a.desired = 'run' AND a.phase = 'running' AND a.fact_incarnation = a.incarnation)`
}

export function markCommitted({ validator, id, nowMs }: Mark, digest: string): SQL {
  return sql`UPDATE proofs SET committed_at = ${nowMs}, digest = ${digest} WHERE ${mine(validator, id)} AND ${open(nowMs)} AND go_at IS NOT NULL AND committed_at IS NULL`
}

/**
 * Keeps the verdict, lets the cards go, and notes those that were proved. One that comes after the end is kept too, but proves nothing:
 * the cards were in other hands. Safe to repeat. @param counts whether what it proves counts here
 */
export function markClose({ validator, id, nowMs }: Mark, verdict: ProofVerdict, counts: boolean): SQL[] {
  const { result } = verdict
  const fixed = result === 'valid' ? sql`AND committed_at IS NOT NULL` : sql``
  const keep = sql`verdict = ${JSON.stringify(verdict)}, result = ${result}`
  const uuids = JSON.stringify(verdict.gpus.map((g) => g.uuid))
  return [
    sql`UPDATE proofs SET closed_at = ${nowMs}, ${keep} WHERE ${mine(validator, id)} AND ${open(nowMs)} AND verdict IS NULL ${fixed}`,
    ...(result === 'valid' ? [] : [sql`UPDATE proofs SET ${keep} WHERE ${mine(validator, id)} AND verdict IS NULL`]),
    sql`UPDATE allocations SET ${toStop('released', nowMs)}
      WHERE id = (SELECT p.id FROM proofs p WHERE p.id = ${id} AND p.validator = ${validator} AND p.verdict IS NOT NULL) AND desired <> 'stop'`,
    sql`UPDATE gpus SET proved_at = p.closed_at, proved_rented_ms = gpus.rented_ms FROM proofs p
      WHERE ${Number(counts)} AND p.id = ${id} AND p.validator = ${validator} AND p.closed_at = ${nowMs} AND p.result = 'valid' AND gpus.hotkey = p.hotkey
        AND gpus.uuid IN (SELECT c.uuid FROM claims c JOIN json_each(${uuids}) u ON u.value = c.uuid WHERE c.allocation_id = p.id)`,
  ]
}

/** Proofs that nobody closed are ended, and their cards let go. */
export function endOverdue(nowMs: number, limit: number): SQL {
  return sql`UPDATE allocations SET ${toStop('expired', nowMs)}
    WHERE id IN (SELECT p.id FROM proofs p WHERE p.ended_at IS NULL AND p.ends_at <= ${nowMs} ORDER BY p.ends_at LIMIT ${limit}) AND desired <> 'stop' RETURNING id, holder, hotkey`
}

/** What a validator left open of a miner. */
export function endOwn(validator: string, hotkey: string, nowMs: number): SQL {
  return sql`UPDATE allocations SET ${toStop('released', nowMs)}
    WHERE id IN (SELECT p.id FROM proofs p WHERE p.hotkey = ${hotkey} AND p.validator = ${validator} AND p.ended_at IS NULL) AND desired <> 'stop'`
}

/** Every miner is proved several times an hour: a month of that would be most of the database. */
const KEPT_MS = 3 * 24 * 3600_000

/** Proofs of which nothing is left on any host, and nobody asks any more; by a trigger with their allocations and claims. Ids begin with their time. */
export function forgetProofs(nowMs: number, limit: number): SQL {
  const before = nowMs - KEPT_MS
  return sql`DELETE FROM proofs WHERE id IN (SELECT p.id FROM proofs p JOIN allocations a ON a.id = p.id WHERE p.id < ${makeId('al', before, new Uint8Array(10))} AND a.ended_at < ${before}
    AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.allocation_id = p.id AND c.freed_at IS NULL) ORDER BY p.id LIMIT ${limit})`
}

/** Validators that closed a proof lately, and when any last did (null: never). */
export const lastProved = (nowMs: number): SQL =>
  sql`SELECT (SELECT count(DISTINCT p.validator) FROM proofs p WHERE p.closed_at > ${nowMs - PROOF_DUE_MS.lately}) AS validators, (SELECT max(closed_at) FROM proofs WHERE closed_at IS NOT NULL) AS at`
