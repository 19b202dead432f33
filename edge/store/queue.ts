import { sql, type SQL } from 'drizzle-orm'
import { PROOF_MAX_MS, PROOF_PAUSE_MS, PROOF_TURNS, PROOFS_OPEN_EACH, PROOFS_PER_HOUR, PROOFS_PER_HOUR_EACH } from '../../schema/proof.ts'
import { type Asker, fit, matches, roomFor } from './candidates.ts'
import { hasAlone } from './claims.ts'
import { twicePreempted } from './due.ts'

const HOUR_MS = 3600_000

/** How a miner stands for a proof by this validator, as one row. Times are milliseconds since 1970, of when that limit is over; null: it is not reached. */
export type Place = {
  cpus: number
  memoryMb: number
  diskFreeMb: number
  total: number
  /** Cards nobody has, those kept for a proof among them. */
  free: number
  /** Cards are held by what was told to stop: they come back as soon as the host says so. */
  leaving: 0 | 1
  may: 0 | 1
  fit: 0 | 1
  room: 0 | 1
  offered: 0 | 1
  openUntil: number | null
  /** It is this validator's. */
  openByAsker: 0 | 1
  openHere: number
  pausedUntil: number | null
  hourUntil: number | null
  eachUntil: number | null
  /** What is left of this hour is for others. */
  turnUntil: number | null
}

export type Asked = { hotkey: string; image: string; asker: Asker }

/** No row: no such miner. `asker.holder` is the validator. */
export function placeOf({ hotkey, image, asker }: Asked): SQL {
  const { holder: validator, nowMs } = asker
  const ofMiner = sql`FROM proofs p WHERE p.hotkey = m.hotkey`
  const byValidator = sql`${ofMiner} AND p.validator = ${validator}`
  /** When the nth newest of these is an hour old. */
  const nth = (of: SQL, n: number) =>
    sql`(SELECT p.opened_at + ${HOUR_MS} ${of} AND p.opened_at > ${nowMs - HOUR_MS} ORDER BY p.opened_at DESC LIMIT 1 OFFSET ${n - 1})`
  return sql`
    SELECT m.hotkey AS hotkey, m.cpus AS cpus, m.memory_mb AS memoryMb, m.disk_free_mb AS diskFreeMb,
      (SELECT count(*) FROM gpus t WHERE t.hotkey = m.hotkey AND t.gone_at IS NULL) AS total,
      (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND ${matches({ count: 'all' }, asker)}) AS free,
      EXISTS (SELECT 1 FROM claims l JOIN allocations x ON x.id = l.allocation_id WHERE l.hotkey = m.hotkey AND l.freed_at IS NULL AND x.desired = 'stop') AS leaving,
      EXISTS (SELECT 1 FROM agents v WHERE v.hotkey = ${validator} AND v.role = 'validator' AND v.standing = 'active') AS may,
      (${fit(asker.simulated)}) AS fit, (${roomFor(asker)} AND NOT ${hasAlone}) AS room,
      EXISTS (SELECT 1 FROM miner_images i WHERE i.hotkey = m.hotkey AND i.reference = ${image}) AS offered,
      (SELECT p.ends_at ${ofMiner} AND p.ended_at IS NULL) AS openUntil, EXISTS (SELECT 1 ${byValidator} AND p.ended_at IS NULL) AS openByAsker,
      (SELECT count(*) FROM proofs p WHERE p.validator = ${validator} AND p.ended_at IS NULL) AS openHere,
      (SELECT max(p.opened_at) + ${PROOF_PAUSE_MS} ${byValidator} AND p.opened_at > ${nowMs - PROOF_PAUSE_MS} AND (p.go_at IS NOT NULL AND p.closed_at IS NOT NULL OR p.ended_at >= p.ends_at)) AS pausedUntil,
      ${nth(ofMiner, PROOFS_PER_HOUR)} AS hourUntil, ${nth(byValidator, PROOFS_PER_HOUR_EACH)} AS eachUntil,
      CASE WHEN EXISTS (SELECT 1 ${byValidator} AND p.opened_at > ${nowMs - PROOF_TURNS.afterMs}) THEN ${nth(ofMiner, PROOFS_PER_HOUR - PROOF_TURNS.kept)} END AS turnUntil
    FROM miners m JOIN agents a ON a.hotkey = m.hotkey WHERE m.hotkey = ${hotkey}`
}

/** Opens a proof if nothing changed since its place was read: as many cards, and no limit reached. Safe to repeat. */
export function enqueue(id: string, asked: Asked, { free, total }: Pick<Place, 'free' | 'total'>): SQL {
  const { holder: validator, nowMs } = asked.asker
  return sql`
    INSERT INTO proofs (id, validator, hotkey, opened_at, ends_at, firm)
    SELECT ${id}, ${validator}, q.hotkey, ${nowMs}, ${nowMs + PROOF_MAX_MS}, ${twicePreempted(sql`q.hotkey`)} FROM (${placeOf(asked)}) q
    WHERE q.may AND q.fit AND q.room AND q.offered AND q.free = ${free} AND q.total = ${total} AND q.openUntil IS NULL AND q.openHere < ${PROOFS_OPEN_EACH}
      AND q.pausedUntil IS NULL AND q.hourUntil IS NULL AND q.eachUntil IS NULL AND q.turnUntil IS NULL
    ON CONFLICT DO NOTHING`
}
