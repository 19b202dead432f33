import { eq, inArray, notInArray } from 'drizzle-orm'
import type { Log } from '../../core/log.ts'
import { challenges, neurons, peers, progress, proofs, specs, stats } from '../../../schema/tables/validator/index.ts'
import { type Database, pieces, type Statement, type Turn } from './database.ts'
import { type Changes, changes, isUpheaval } from './roster.ts'
import type { KnownNeuron, Store } from './types.ts'

/** Who is on the subnet, and what goes with those who are not any more. */
export function subnetOf(db: Database, log: Log): Pick<Store, 'follow'> {
  let doubted = false
  return {
    follow: (now, nowMs) =>
      db.turn(async ({ q, write }) => {
        const known = await q.select().from(neurons)
        const change = changes(known, now)
        const upheaval = isUpheaval(change, known)
        if (upheaval && !doubted) {
          doubted = true
          throw new Error(`${change.gone.length} of ${known.length} known hotkeys are not there in one reading: the next one decides whether that is so`)
        }
        if (change.gone.length + change.fresh.length + change.moved.length > 0)
          await write([...takeOver(q, change, nowMs), ...(upheaval ? [q.delete(progress)] : [])]) // what loops had done was about others
        doubted = false
        if (upheaval) log.warn({ gone: change.gone.length, known: known.length }, 'most of the subnet left; their proofs and scores were removed')
        return change.gone
      }),
  }
}

/** Between the first step and the last only those who stayed are there, so that whoever is new has nothing. */
function takeOver(q: Turn['q'], { gone, fresh, moved }: Changes, nowMs: number): Statement[] {
  const stayed = q.select({ hotkey: neurons.hotkey }).from(neurons)
  return [
    ...pieces(gone).map((keys) => q.delete(neurons).where(inArray(neurons.hotkey, keys))),
    ...[proofs, challenges, stats, specs].map((table) => q.delete(table).where(notInArray(table.hotkey, stayed))),
    q.delete(peers).where(notInArray(peers.validator, stayed)),
    ...pieces(fresh).map((rows) => q.insert(neurons).values(rows.map((n) => ({ ...own(n), seenAt: nowMs })))),
    ...moved.flatMap((n) => [
      q.update(neurons).set({ uid: n.uid, coldkey: n.coldkey }).where(eq(neurons.hotkey, n.hotkey)),
      q.update(stats).set({ uid: n.uid }).where(eq(stats.hotkey, n.hotkey)),
    ]),
  ]
}

/** Callers give whole neurons of the chain. */
const own = ({ hotkey, uid, coldkey, registeredAt }: Omit<KnownNeuron, 'seenAt'>) => ({ hotkey, uid, coldkey, registeredAt })

/**
 * Those of the rows whose hotkey is on the subnet and was, as the one it is now, when they were made. What comes in late about one who
 * left belongs to nobody. @param block when a row was made; null: not known
 */
export async function ofThoseThere<T extends { hotkey: string }>(q: Turn['q'], rows: T[], block: (row: T) => number | null, log: Log): Promise<T[]> {
  const there = new Map<string, number>()
  for (const piece of pieces(rows.map((r) => r.hotkey)))
    for (const n of await q.select().from(neurons).where(inArray(neurons.hotkey, piece))) there.set(n.hotkey, n.registeredAt)
  const kept = rows.filter((row) => (there.get(row.hotkey) ?? Infinity) <= (block(row) ?? Number.MAX_SAFE_INTEGER))
  if (kept.length < rows.length) log.debug({ dropped: rows.length - kept.length }, 'about hotkeys that are not on the subnet, or were not then')
  return kept
}
