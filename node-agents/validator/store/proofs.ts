import { and, count, desc, eq, inArray, notInArray, sql } from 'drizzle-orm'
import { PROOF_HOLDS_MS } from '../../../schema/proof.ts'
import type { Log } from '../../core/log.ts'
import { challenges, proofs } from '../../../schema/tables/validator/index.ts'
import type { Database } from './database.ts'
import { ofThoseThere } from './subnet.ts'
import type { NewProof, Proof, Store } from './types.ts'

/** Rows kept of one hotkey, as the original did. */
const PROOFS = 4
const CHALLENGES = 60
/** However many cards a miner shows one after the other, no more rows stay. */
const MOST = 64

/** The history of proofs and challenges. */
export function proofsOf(db: Database, log: Log): Pick<Store, 'keepProof' | 'proofs' | 'keepChallenge' | 'liveness'> {
  return {
    keepProof: (proof, since = null) =>
      db.turn(async ({ q, write }) => {
        const [row] = await ofThoseThere(q, [proof], (p) => p.block, log)
        if (!row) return
        const all = await q.select().from(proofs).where(eq(proofs.hotkey, row.hotkey)).orderBy(desc(proofs.id))
        const [again, before] = parted(all, (p) => since !== null && p.result === 'failed' && p.block >= since && !p.evidence?.lost.length)
        const gone = [...again.map((p) => p.id), ...outlived(row, before)]
        await write([q.insert(proofs).values(row), q.delete(proofs).where(inArray(proofs.id, gone))])
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

/** Those that are so, and the others. */
function parted<T>(items: T[], is: (item: T) => boolean): [T[], T[]] {
  return [items.filter(is), items.filter((item) => !is(item))]
}

/**
 * Rows that nothing depends on any more: neither among the newest four, nor the newest in which some card was proved, nor a wrong one that no
 * good one followed, nor one in which a card was lost to another miner. Rounds prove the cards that are free, so a card that is rented has its last proof far back: without it, renting would
 * cost what it earns. And whoever was found wrong does not get rid of that by silence.
 * @param before newest first
 */
function outlived(now: NewProof, before: Proof[]): number[] {
  const seen = new Set(now.gpus.map((g) => g.uuid))
  let ended = now.result === 'invalid'
  const gone: number[] = []
  for (const [i, { id, gpus, at, result, evidence }] of before.entries()) {
    const lost = evidence !== null && evidence.lost.length > 0
    const says = lost || (result === 'invalid' ? seen.size === 0 : gpus.some((g) => !seen.has(g.uuid)))
    const holds = says && !ended && i < MOST - 1 && now.at - at <= PROOF_HOLDS_MS.atMost
    if (i >= PROOFS - 1 && !holds) gone.push(id)
    for (const { uuid } of gpus) seen.add(uuid)
    ended ||= result === 'invalid'
  }
  return gone
}
