import { sql, type SQL } from 'drizzle-orm'
import type { HostFacts } from '../../schema/miner.ts'

/** GPUs a hotkey may ever have shown that nobody rents: past it a host is making them up. */
const GPUS_KNOWN = 256

export type Host = { hotkey: string; facts: HostFacts; nowMs: number; guard: SQL }

/** Statements that bring GPUs and images of a host up to date. A failed look at the GPUs says nothing about them. */
export function hardware(host: Host): SQL[] {
  const { gpu } = host.facts
  const gpus = gpu.status === 'failed' ? [] : [seen(host, gpu.status === 'ok' ? gpu.gpus : []), missing(host, gpu.status === 'ok' ? gpu.gpus : [])]
  return [...gpus, ...images(host)]
}

type Gpus = Extract<HostFacts['gpu'], { status: 'ok' }>['gpus']

function seen({ hotkey, facts, nowMs, guard }: Host, gpus: Gpus): SQL {
  return sql`
    INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at)
    SELECT ${hotkey}, value ->> 'uuid', value ->> 'index', value ->> 'model', lower(value ->> 'model'), value ->> 'vram_mb', ${Number(facts.simulated)}, ${nowMs}, ${nowMs}
    FROM json_each(${JSON.stringify(gpus)}) WHERE ${guard} AND (EXISTS (SELECT 1 FROM gpus k WHERE k.hotkey = ${hotkey} AND k.uuid = value ->> 'uuid')
      OR (SELECT count(*) FROM gpus k WHERE k.hotkey = ${hotkey} AND k.claimed_by IS NULL) + key < ${GPUS_KNOWN})
    ON CONFLICT (hotkey, uuid) DO UPDATE SET idx = excluded.idx, model = excluded.model, model_key = excluded.model_key, vram_mb = excluded.vram_mb,
      simulated = excluded.simulated, seen_at = excluded.seen_at, missing = 0, gone_at = NULL`
}

/** How many of the GPUs shown were not taken, because the hotkey has shown too many. */
export function beyond({ hotkey, facts }: Pick<Host, 'hotkey' | 'facts'>): SQL {
  const gpus = facts.gpu.status === 'ok' ? facts.gpu.gpus : []
  return sql`SELECT count(*) AS n FROM json_each(${JSON.stringify(gpus)}) WHERE NOT EXISTS (SELECT 1 FROM gpus k WHERE k.hotkey = ${hotkey} AND k.uuid = value ->> 'uuid')`
}

/** A claimed GPU that is not shown is counted, never taken from its tenant; a free one is off the market at once. */
function missing({ hotkey, nowMs, guard }: Host, gpus: Gpus): SQL {
  return sql`
    UPDATE gpus SET missing = missing + 1, gone_at = CASE WHEN claimed_by IS NULL THEN ${nowMs} END
    WHERE hotkey = ${hotkey} AND gone_at IS NULL AND uuid NOT IN (SELECT value ->> 'uuid' FROM json_each(${JSON.stringify(gpus)})) AND ${guard}`
}

function images({ hotkey, facts, guard }: Host): SQL[] {
  const list = JSON.stringify(facts.images)
  return [
    sql`DELETE FROM miner_images WHERE hotkey = ${hotkey} AND reference NOT IN (SELECT value ->> 'reference' FROM json_each(${list})) AND ${guard}`,
    sql`INSERT INTO miner_images (hotkey, reference, warm) SELECT ${hotkey}, value ->> 'reference', value ->> 'warm' FROM json_each(${list}) WHERE ${guard}
      ON CONFLICT (hotkey, reference) DO UPDATE SET warm = excluded.warm WHERE warm <> excluded.warm`,
  ]
}
