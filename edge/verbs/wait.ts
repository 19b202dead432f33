import { Problem } from '../../schema/problem.ts'
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
    const waitMs = Math.min(left, REREAD_MS)
    await orTime(ctx, ctx.feed(holder).wait(id, readAt, waitMs), waitMs)
  }
}

/** The Feed may go away while it is waited on, as in every deploy: then time alone decides when to read again. @returns null then */
export async function orTime<T>(ctx: Ctx, waiting: Promise<T>, timeoutMs: number): Promise<T | null> {
  try {
    return await waiting
  } catch (e) {
    ctx.log.error('feed_lost', { error: String(e) })
    await new Promise((done) => setTimeout(done, timeoutMs))
    return null
  }
}

/**
 * Waits after something was done. What fails from here on must not look as if it was not done, or the client does it again:
 * it throws `unread`, which names the allocation and is not to be retried.
 */
export async function waitAfter(ctx: Ctx, wanted: Wait): Promise<Shown> {
  try {
    const found = await wait(ctx, wanted)
    if (found) return found
  } catch (e) {
    throw new Problem('unread', `see /v1/allocations/${wanted.id} later`, {}, e)
  }
  throw new Problem('not_found', `no allocation ${wanted.id}`)
}
