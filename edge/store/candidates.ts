import { sql, type SQL } from 'drizzle-orm'
import { PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import type { Spec } from '../../schema/tables/allocations.ts'
import type { Candidate } from '../verbs/pick.ts'
import { type Db, retrying } from './db.ts'
import { kept } from './due.ts'
import { yielding, yields } from './preempt.ts'

/** All of a subnet of 256, so that ranking finds its best; bounded, so that a bigger market costs no more. */
const READ_AT_MOST = 256
/** Hosts with free GPUs looked at in a sample, before health and image are asked. */
const SAMPLE = 256

type Row = {
  hotkey: string
  modelKey: string
  free: number
  total: number
  hostFree: number
  warm: number
  score: number | null
  cpus: number
  memoryMb: number
  diskFreeMb: number
}

/**
 * `holder`: who asks, and when; `simulated`: whether simulated GPUs will do. `reach`: `free` for a rent; `proved`: also cards that only a proof
 * has which gives way; `all`: for a proof, also cards that are kept for one.
 */
export type Asker = { holder: string; simulated: boolean; nowMs: number; reach: 'free' | 'proved' | 'all' }
export type Wanted = Pick<Spec, 'gpu' | 'image' | 'hotkey'> & Asker

/** Which miners `m` of agents `a` may take a new claim: admitted, healthy, recently proved alive, and holding nothing unheard of. */
export const mayTake = (asker: Asker) => sql`${fit(asker.simulated)} AND ${roomFor(asker)}`

/** The same whoever asks, as far as there is room. */
export function fit(simulated: boolean) {
  return sql`a.standing = 'active' AND a.role = 'miner' AND m.engine_ok = 1 AND m.gpu_error IS NULL AND m.held_since IS NULL AND m.protocol >= ${PROTOCOL_OLDEST}
    AND m.online <> 'unreachable' AND m.fresh = 1 AND (m.simulated = 0 OR ${Number(simulated)} = 1)`
}

/** Where nothing bounds the disk, one tenant could fill it for another: such a host has one at a time. A box is for development and bounds nothing anyway. */
export function roomFor({ holder, reach }: Pick<Asker, 'holder' | 'reach'>) {
  return sql`NOT (m.disk = 'shared' AND m.driver = 'docker' AND EXISTS (SELECT 1 FROM claims l JOIN allocations x ON x.id = l.allocation_id
    WHERE l.hotkey = m.hotkey AND l.freed_at IS NULL AND x.holder <> ${holder} ${reach === 'proved' ? sql`AND NOT ${yields(sql`x.id`)}` : sql``}))`
}

/** GPUs nobody else has a right to, as conditions on `g`. */
function inReach({ reach, nowMs }: Pick<Asker, 'reach' | 'nowMs'>): SQL {
  if (reach === 'proved') return sql`(g.claimed_by IS NULL OR ${yields(sql`g.claimed_by`)}) AND g.gone_at IS NULL AND NOT ${kept(nowMs)}`
  return sql`g.claimed_by IS NULL AND g.gone_at IS NULL ${reach === 'free' ? sql`AND NOT ${kept(nowMs)}` : sql``}`
}

/** Free GPUs that match, as conditions on `g`. */
export function matches(gpu: Spec['gpu'], asker: Pick<Asker, 'reach' | 'nowMs'>) {
  return sql`${inReach(asker)} AND g.missing = 0
    AND instr(g.model_key, ${(gpu.model ?? '').toLowerCase()}) > 0 AND g.vram_mb >= ${Math.floor((gpu.min_vram_gb ?? 0) * 1024)}`
}

/**
 * Hosts with enough free GPUs of one model. Reads outside the write lock, so it may be out of date: the claim checks again.
 * @param from a sample of hosts around this hotkey, so that a big market costs no more than a small one; null reads them all
 */
export async function candidates(db: Db, wanted: Wanted, from: string | null): Promise<Candidate[]> {
  const hosts =
    from === null
      ? free(wanted, everywhere(wanted), -1)
      : sql`${free(wanted, sql`g.hotkey >= ${from}`, SAMPLE)} UNION ALL ${free(wanted, sql`g.hotkey < ${from}`, SAMPLE)}`
  const query = sql`
    SELECT f.hotkey AS hotkey, f.model_key AS modelKey, f.free AS free, i.warm AS warm, m.score AS score,
      (SELECT count(*) FROM gpus t WHERE t.hotkey = f.hotkey AND t.gone_at IS NULL) AS total,
      (SELECT count(*) FROM gpus t WHERE t.hotkey = f.hotkey AND t.gone_at IS NULL AND ${untaken(wanted, sql`t.claimed_by`)}) AS hostFree,
      m.cpus AS cpus, m.memory_mb AS memoryMb, m.disk_free_mb AS diskFreeMb
    FROM (${hosts}) f
    JOIN miners m ON m.hotkey = f.hotkey
    JOIN agents a ON a.hotkey = f.hotkey
    JOIN miner_images i ON i.hotkey = f.hotkey AND i.reference = ${wanted.image}
    WHERE ${mayTake(wanted)} ${wanted.gpu.count === 'all' ? sql`AND hostFree = total` : sql``}
    LIMIT ${READ_AT_MOST}`
  const rows = await retrying(() => db.all<Row>(query))
  return rows.map((r) => ({ ...r, warm: r.warm === 1 }))
}

/** Proofs are few, and no index has what only they hold: their hosts are looked at and no others. */
const everywhere = ({ reach }: Asker) => (reach === 'proved' ? sql`g.hotkey IN (SELECT p.hotkey FROM proofs p WHERE ${yielding})` : sql`1`)

/** Whether a GPU with this claim may be had whole with its host. */
export const untaken = ({ reach }: Pick<Asker, 'reach'>, claimedBy: SQL) =>
  reach === 'proved' ? sql`(${claimedBy} IS NULL OR ${yields(claimedBy)})` : sql`${claimedBy} IS NULL`

/** Hosts and models with enough free GPUs, in the order of the index, at most so many. */
function free({ gpu, hotkey, ...asker }: Wanted, where: SQL, limit: number): SQL {
  const atLeast = gpu.count === 'all' ? 1 : gpu.count
  return sql`SELECT * FROM (SELECT g.hotkey, g.model_key, count(*) AS free FROM gpus g
    WHERE ${matches(gpu, asker)} AND ${where} ${hotkey ? sql`AND g.hotkey = ${hotkey}` : sql``}
    GROUP BY g.hotkey, g.model_key HAVING count(*) >= ${atLeast} ORDER BY g.hotkey, g.model_key LIMIT ${limit})`
}

/** Whether any admitted miner runs this image. */
export async function isOffered(db: Db, image: string): Promise<boolean> {
  const rows = await retrying(() =>
    db.all(
      sql`SELECT 1 FROM miner_images i JOIN agents a ON a.hotkey = i.hotkey WHERE a.standing = 'active' AND a.role = 'miner' AND i.reference = ${image} LIMIT 1`,
    ),
  )
  return rows.length > 0
}

/** Images that admitted miners run, most offered first, at most 20. */
export async function offeredImages(db: Db): Promise<string[]> {
  const rows = await retrying(() =>
    db.all<{ reference: string }>(sql`
      SELECT i.reference AS reference FROM miner_images i JOIN agents a ON a.hotkey = i.hotkey
      WHERE a.standing = 'active' AND a.role = 'miner' GROUP BY i.reference ORDER BY count(*) DESC, i.reference LIMIT 20`),
  )
  return rows.map((r) => r.reference)
}
