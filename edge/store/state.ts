import { sql, type SQL } from 'drizzle-orm'
import { fit } from './candidates.ts'
import { kept, running, withRent } from './due.ts'
import { fresh } from './publications.ts'

/** What `validatorState` allows; a miner may have shown more cards one after the other. */
const MOST = { miners: 4096, cards: 64, publications: 256 } as const

/**
 * Bytes of each part, so that an agent reads it (9 MB), whoever shows or says how much. A subnet of 256 miners with 8 GPUs and 64 validators
 * needs half a megabyte of the one and two of the other.
 */
const BYTES = { miners: 5 * 1024 * 1024, publications: 3 * 1024 * 1024 } as const
/** Of a miner besides its cards, about. */
const BYTES_EACH = 512

/** Cards of miner `m` that are there, as JSON: those of its last report first. */
const cards = (nowMs: number) => sql`(SELECT json_group_array(json(card)) FROM (
    SELECT json_object('uuid', g.uuid, 'model', g.model, 'vram_mb', g.vram_mb, 'simulated', json(iif(g.simulated, 'true', 'false')),
      'rented', json(iif(x.desired <> 'stop', 'true', 'false')), 'rented_ms', CAST(g.rented_ms + coalesce(${running(nowMs)}, 0) AS INTEGER)) AS card
    FROM gpus g ${withRent}
    WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL ORDER BY g.missing, g.idx, g.uuid LIMIT ${MOST.cards}))`

/**
 * Miners that the chain or a person let in, with their cards. Were it too much, who shows most is left out.
 * @param simulated whether simulated GPUs may be rented here
 */
export function stateMiners(nowMs: number, simulated: boolean): SQL {
  return sql`
    WITH shown AS MATERIALIZED (
      SELECT m.hotkey AS hotkey, m.version AS version, m.online AS online, m.address AS address, m.simulated AS simulated, m.report_at AS reportedAt, (${fit(simulated)}) AS available,
        EXISTS (SELECT 1 FROM gpus g WHERE g.hotkey = m.hotkey AND g.claimed_by IS NULL AND g.gone_at IS NULL AND ${kept(nowMs)}) AS proofDue, ${cards(nowMs)} AS gpus
      FROM (SELECT * FROM agents INDEXED BY agents_present WHERE (uid IS NOT NULL OR source = 'allow') AND role = 'miner' AND standing <> 'removed') a
      JOIN miners m ON m.hotkey = a.hotkey LIMIT ${MOST.miners}),
    sized AS MATERIALIZED (SELECT hotkey, sum(${BYTES_EACH} + length(CAST(gpus AS BLOB))) OVER (ORDER BY length(CAST(gpus AS BLOB)), hotkey) AS so_far FROM shown)
    SELECT shown.* FROM shown JOIN sized ON sized.hotkey = shown.hotkey WHERE sized.so_far <= ${BYTES.miners} ORDER BY shown.hotkey`
}

/** What validators but this one published of late, as it was signed. Were it too much, those of least stake are left out. */
export function othersPublished(asker: string, nowMs: number): SQL {
  return sql`
    SELECT kind, document FROM (
      SELECT f.kind AS kind, p.document AS document, row_number() OVER (PARTITION BY f.kind ORDER BY f.stake DESC, f.validator) AS place,
        sum(length(CAST(p.document AS BLOB))) OVER (ORDER BY f.stake DESC, f.validator, f.kind) AS so_far
      FROM ${fresh(nowMs)} f JOIN publications p ON p.kind = f.kind AND p.validator = f.validator WHERE f.validator <> ${asker})
    WHERE place <= ${MOST.publications} AND so_far <= ${BYTES.publications}`
}
