import type { Ctx } from '../ctx.ts'
import { allocationOf, type Shown } from '../store/allocations.ts'

/** A change is told by the Feed; should that be lost, the row is read again this often. */
const REREAD_MS = 2_000

export type Wait = { holder: string; id: string; seconds: number; until: (s: Shown) => boolean }

/** Reads an allocation until it is as wanted, or the time is over. @returns what was read last, or null when it is not theirs */
export async function wait(ctx: Ctx, { holder, id, seconds, until }: Wait): Promise<Shown | null> {
  const deadline = ctx.now() + seconds * 1000
  for (;;) {
    const readAt = ctx.now()
    const found = await allocationOf(ctx.db, holder, id)
    const left = deadline - ctx.now()
    if (!found || until(found) || left <= 0) return found
    await ctx.feed(holder).wait(id, readAt, Math.min(left, REREAD_MS))
  }
}
