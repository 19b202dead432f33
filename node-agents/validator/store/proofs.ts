import { and, count, desc, eq, notInArray, sql } from 'drizzle-orm'
import type { Log } from '../../core/log.ts'
import { challenges, proofs } from '../../../schema/tables/validator/index.ts'
import type { Database } from './database.ts'
import { ofThoseThere } from './subnet.ts'
import type { Proof, Store } from './types.ts'

/** Rows kept of one hotkey, as the original did. */
const PROOFS = 4
const CHALLENGES = 60

/** The history of proofs and challenges. */
export function proofsOf(db: Database, log: Log): Pick<Store, 'keepProof' | 'proofs' | 'keepChallenge' | 'liveness'> {
  return {
    keepProof: (proof) =>
      db.turn(async ({ q, write }) => {
        const [row] = await ofThoseThere(q, [proof], (p) => p.block, log)
        if (!row) return
        const newest = q.select({ id: proofs.id }).from(proofs).where(eq(proofs.hotkey, row.hotkey)).orderBy(desc(proofs.id)).limit(PROOFS)
        await write([q.insert(proofs).values(row), q.delete(proofs).where(and(eq(proofs.hotkey, row.hotkey), notInArray(proofs.id, newest)))])
      }),
    proofs: () =>
      db.turn(async ({ q }) => {
        const by = new Map<string, Proof[]>()
        for (const row of await q.select().from(proofs).orderBy(desc(proofs.id))) by.set(row.hotkey, [...(by.get(row.hotkey) ?? []), row])
        return by
      }),
    keepChallenge: (challenge) =>
      db.turn(async ({ q, write }) => {
        const [row] = await ofThoseThere(q, [challenge], () => null, log)
        if (!row) return
        const of = eq(challenges.hotkey, row.hotkey)
        const newest = q.select({ id: challenges.id }).from(challenges).where(of).orderBy(desc(challenges.id)).limit(CHALLENGES)
        await write([q.insert(challenges).values(row), q.delete(challenges).where(and(of, notInArray(challenges.id, newest)))])
      }),
    liveness: () =>
      db.turn(async ({ q }) => {
        const successes = sql<number>`sum(${challenges.success})`
        const rows = await q.select({ hotkey: challenges.hotkey, attempts: count(), successes }).from(challenges).groupBy(challenges.hotkey)
        return new Map(rows.map(({ hotkey, ...liveness }) => [hotkey, liveness]))
      }),
  }
}
