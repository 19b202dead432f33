import { sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { ProofState } from '../../schema/proof.ts'
import type { Ctx } from '../ctx.ts'
import { read } from '../store/db.ts'
import { proofOf, proofRow } from '../store/proofs.ts'
import { proofView } from './proofView.ts'
import { orTime } from './wait.ts'

/** A change is told by the Feed; should that be lost, the row is read again this often. */
const REREAD_MS = 5_000

export type Look = { validator: string; id: string; seconds: number }

/** A proof of this validator; waits for it while it is starting. Throws `not_found`. */
export async function lookAtProof(ctx: Ctx, { validator, id, seconds }: Look): Promise<ProofState> {
  const deadline = ctx.now() + seconds * 1000
  for (;;) {
    const readAt = ctx.now()
    const [found] = await read(ctx.db, [proofOf(validator, sql`p.id = ${id}`)])
    const view = found?.[0] && proofView(proofRow(found[0]), ctx.now())
    if (!view) throw new Problem('not_found', `no proof ${id}`)
    const left = deadline - ctx.now()
    if (view.state !== 'starting' || left <= 0) return view
    const waitMs = Math.min(left, REREAD_MS)
    await orTime(ctx, ctx.feed(validator).wait(id, readAt, waitMs), waitMs)
  }
}
