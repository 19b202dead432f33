import { sql, type SQL } from 'drizzle-orm'
import { fit } from './candidates.ts'
import { fresh } from './publications.ts'

/** A subnet has fewer; bounds what is read. */
const MINERS = 4096
const PUBLICATIONS = 256
/** Publications of others may be so long together; those of most stake come first. A subnet of 256 miners and 64 validators needs a sixth. */
const CHARACTERS = 16 * 1024 * 1024

/** A stop or a report that is being written may say a time that is past already: what is counted so late is not taken back. */
const SETTLED_MS = 2 * 60_000

/**
 * Miners that the chain or a person let in, each with its GPUs as JSON.
 * @param simulated whether simulated GPUs may be rented here
 */
export function stateMiners(nowMs: number, simulated: boolean): SQL {
  const running = sql`CASE WHEN x.ready_at IS NULL THEN 0 ELSE max(0, min(coalesce(x.stop_at, 9e15), ${nowMs - SETTLED_MS}) - c.claimed_at) END`
  return sql`
    SELECT m.hotkey AS hotkey, m.version AS version, m.online AS online, m.address AS address, m.simulated AS simulated, m.report_at AS reportedAt, (${fit(simulated)}) AS available,
      (SELECT json_group_array(json_object('uuid', g.uuid, 'model', g.model, 'vram_mb', g.vram_mb, 'simulated', json(iif(g.simulated, 'true', 'false')),
          'rented', json(iif(x.desired <> 'stop', 'true', 'false')), 'rented_ms', CAST(g.rented_ms + coalesce(${running}, 0) AS INTEGER)))
        FROM gpus g LEFT JOIN claims c ON c.hotkey = g.hotkey AND c.uuid = g.uuid AND c.freed_at IS NULL
        LEFT JOIN allocations x ON x.id = c.allocation_id AND x.incarnation = c.incarnation AND x.purpose = 'rent'
        WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL) AS gpus
    FROM (SELECT * FROM agents INDEXED BY agents_present WHERE (uid IS NOT NULL OR source = 'allow') AND role = 'miner' AND standing <> 'removed') a
    JOIN miners m ON m.hotkey = a.hotkey ORDER BY m.hotkey LIMIT ${MINERS}`
}

/** What validators but this one published of late, as it was signed, of most stake first. */
export function othersPublished(asker: string, nowMs: number): SQL {
  return sql`
    SELECT kind, document FROM (
      SELECT f.kind AS kind, p.document AS document, row_number() OVER (PARTITION BY f.kind ORDER BY f.stake DESC, f.validator) AS place,
        sum(length(p.document)) OVER (ORDER BY f.stake DESC, f.validator, f.kind) AS so_far
      FROM ${fresh(nowMs)} f JOIN publications p ON p.kind = f.kind AND p.validator = f.validator WHERE f.validator <> ${asker})
    WHERE place <= ${PUBLICATIONS} AND so_far <= ${CHARACTERS}`
}
