import { Problem } from '../../schema/problem.ts'
import { type Ctx, reached } from '../ctx.ts'
import { eventsAfter, lastEvent, type EventRow, type Which } from '../store/events.ts'
import { stillHolds } from './authenticate.ts'
import { orTime } from './wait.ts'

/** A change is told by the Feed; should that be lost, events are read again this often. */
const REREAD_MS = { once: 2_000, stream: 10_000 } as const
const HEARTBEAT_MS = 15_000
/** A Worker may make so many calls a request and no more: a stream ends before that, and its reader takes it up again. */
const STREAM_MS = 30 * 60_000
const AT_A_TIME = 200
/** Each follower of a holder costs reads for as long as it stays, and half an hour is long. */
const FOLLOWERS = 50
const AGAIN_S = 15

/** Whether one more may follow the events of a holder. Throws `rate_limited`. */
export async function mayFollow(ctx: Ctx, holder: string): Promise<void> {
  if ((await reached(ctx.feed(holder).followers())) < FOLLOWERS) return
  throw new Problem('rate_limited', `${FOLLOWERS} requests follow your events already: end some of them`, { retry_after_s: AGAIN_S })
}

export type Poll = Omit<Which, 'after'> & { after: number | undefined; seconds: number }

/** One page of events after an id; waits for the first one. No id: only what happens from now on. */
export async function poll(ctx: Ctx, { seconds, ...wanted }: Poll): Promise<{ items: EventRow[]; next: number }> {
  const deadline = ctx.now() + seconds * 1000
  const after = wanted.after ?? (await lastEvent(ctx.db, wanted.holder))
  let seen = seconds === 0 ? null : await orTime(ctx, ctx.feed(wanted.holder).waitAny(null, 0), 0)
  for (;;) {
    const items = await eventsAfter(ctx.db, { ...wanted, after })
    const left = deadline - ctx.now()
    if (items.length > 0 || left <= 0) return { items, next: items.at(-1)?.id ?? after }
    const waitMs = Math.min(left, REREAD_MS.once)
    seen = await orTime(ctx, ctx.feed(wanted.holder).waitAny(seen, waitMs), waitMs)
  }
}

/** What a stream carries: where it begins, an event, or a sign of life. */
export type Said = { kind: 'from'; after: number } | { kind: 'event'; row: EventRow } | { kind: 'alive' }

export type Follow = { holder: string; keyId: string; allocation: string | undefined; after: number | undefined }

/** Events as they happen, each once and in order, until the consumer stops, its key is revoked or half an hour is over. It says first where it begins. */
export async function* follow(ctx: Ctx, { holder, keyId, allocation, after: given }: Follow): AsyncGenerator<Said, void, void> {
  const endsAt = ctx.now() + STREAM_MS
  let after = given ?? (await lastEvent(ctx.db, holder))
  let saidAt = ctx.now()
  let heldAt = ctx.now()
  let seen = await orTime(ctx, ctx.feed(holder).waitAny(null, 0), 0)
  yield { kind: 'from', after }
  while (ctx.now() < endsAt) {
    if (ctx.now() - heldAt >= HEARTBEAT_MS) {
      if (!(await stillHolds(ctx, keyId))) return
      heldAt = ctx.now()
    }
    const rows = await eventsAfter(ctx.db, { holder, allocation, after, limit: AT_A_TIME })
    for (const row of rows) yield { kind: 'event', row }
    after = rows.at(-1)?.id ?? after
    if (rows.length > 0) saidAt = ctx.now()
    else if (ctx.now() - saidAt >= HEARTBEAT_MS) {
      yield { kind: 'alive' }
      saidAt = ctx.now()
    }
    if (rows.length === AT_A_TIME) continue
    const waitMs = Math.min(REREAD_MS.stream, Math.max(0, saidAt + HEARTBEAT_MS - ctx.now()))
    seen = await orTime(ctx, ctx.feed(holder).waitAny(seen, waitMs), waitMs)
  }
}
