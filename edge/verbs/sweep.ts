import { DEAD_END } from '../../schema/protocol.ts'
import type { Ctx } from '../ctx.ts'
import type { Pulse } from '../hub.ts'
import { awayWithRentals, countAway, countMinute, endUnheard, mark, setBrake } from '../store/away.ts'
import { named, read, type Rows } from '../store/db.ts'
import { nextPage, seenOf } from '../store/liveness.ts'
import { endOverdue } from '../store/proofs.ts'
import { rank, rankDue } from '../store/ranking.ts'
import { endGone, expire, forget, left, overdue, settle, warn } from '../store/sweeps.ts'
import { advance } from './advance.ts'
import { type Away, brake, brakeValue, engaged } from './brake.ts'
import { type Brake, readBrake } from './brakes.ts'
import { lostSight, pulses, watching } from './pulses.ts'

/** Miners whose shard is asked about them in one tick: all of ten thousand within ten minutes. */
const COMPARED_AT_A_TIME = 1000
/** More than a few validators leave behind at once. */
const PROOFS_ENDED_AT_A_TIME = 500
/** A tick sooner than this after the last one is the same minute again: cron fires at least once. */
const SAME_MINUTE_MS = 30_000

/** What a tick found before it wrote anything. */
type Found = { sweptAt: number; brakeWas: string | null; away: string[]; counted: Away; page: Rows; rankDue: boolean; shards: Map<string, Pulse | null> }

/**
 * The minute's housekeeping: 31 statements in two requests, however many rows there are, a call to each shard, and at most 50 overdue
 * placements moved on. Leases are warned of and ended, proofs that nobody closed are ended, silent hosts marked, counted and at last given up, what is gone is ended, what is old
 * forgotten, and miners ranked by what is not: a statement more, when there is reason to.
 */
export async function sweep(ctx: Ctx): Promise<Record<string, number>> {
  const now = ctx.now()
  const found = await look(ctx)
  const held = readBrake(found.brakeWas ?? undefined)
  const stands = brake(held, found.counted, now)
  sayBrake(ctx, held, stands)
  const done = await act(ctx, found, stands, now)
  for (const hotkey of new Set([...done.expired, ...done.proofs].map((row) => String(row['hotkey'])))) ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  tellHolders(ctx, [...done.expired, ...done.proofs, ...done.warned, ...done.marked, ...done.unheard, ...done.gone])
  await moveOn(ctx, done.overdue)
  const { expired, proofs, warned, marked, unheard, gone } = done
  return {
    expired: expired.length,
    proofs: proofs.length,
    warned: warned.length,
    marked: marked.length,
    unheard: unheard.length,
    ended: gone.length,
    overdue: done.overdue.length,
  }
}

async function look(ctx: Ctx): Promise<Found> {
  const now = ctx.now()
  const [single, away, counted, page, due] = await read(ctx.db, [left(), awayWithRentals(), countAway(now), nextPage(COMPARED_AT_A_TIME), rankDue(now)])
  const values = new Map((single ?? []).map((row) => [String(row['name']), String(row['value'])]))
  return {
    sweptAt: Number(values.get('swept_at') ?? 0),
    brakeWas: values.get('brake') ?? null,
    away: (away ?? []).map((row) => String(row['hotkey'])),
    counted: (counted?.[0] ?? { fresh: 0, since: 0, total: 0 }) as Away,
    page: page ?? [],
    rankDue: due?.[0]?.['due'] === 1,
    shards: await pulses(ctx, (page ?? []).map(seenOf)),
  }
}

async function act(ctx: Ctx, { sweptAt, brakeWas, away, page, shards, ...found }: Found, stands: Brake | null, now: number) {
  const gap = now - sweptAt >= DEAD_END.gapMs
  const pulseOf = (hotkey: string) => shards.get(ctx.shardOf(hotkey))
  const unseen = gap ? away : away.filter((hotkey) => lostSight(pulseOf(hotkey), now))
  const seen = engaged(stands) || gap ? [] : away.filter((hotkey) => watching(pulseOf(hotkey), now))
  const counts = now - sweptAt >= SAME_MINUTE_MS ? seen : []
  const comparedTo = page.length < COMPARED_AT_A_TIME ? '' : String(page.at(-1)?.['hotkey'])
  return named(ctx.db, {
    expired: expire(now),
    proofs: endOverdue(now, PROOFS_ENDED_AT_A_TIME),
    warned: warn(now),
    marked: mark(now),
    counted: countMinute({ from: sweptAt, seen: counts, unseen }),
    unheard: endUnheard(now, seen),
    gone: endGone(now),
    settings: [
      setBrake(stands && brakeValue(stands), brakeWas),
      settle({ swept_at: String(now), compared_to: comparedTo, shards: JSON.stringify(Object.fromEntries(shards)) }),
    ],
    forgotten: forget(now),
    ranked: found.rankDue ? rank(now) : [],
    overdue: overdue(now),
  })
}

/** One call a holder, however many of its allocations changed. */
function tellHolders(ctx: Ctx, changed: Rows): void {
  for (const [holder, rows] of Map.groupBy(changed, (row) => String(row['holder']))) {
    ctx.defer('changed', ctx.feed(holder).changed([...new Set(rows.map((row) => String(row['id'])))]))
  }
}

async function moveOn(ctx: Ctx, overdue: Rows): Promise<void> {
  for (const row of overdue) {
    const allocation = String(row['id'])
    await advance(ctx, { allocation }).catch((e: unknown) => ctx.log.error('look_failed', { allocation, error: String(e) }))
  }
}

function sayBrake(ctx: Ctx, was: Brake | null, is: Brake | null): void {
  if (is && engaged(is) && !engaged(was)) ctx.log.error('brake_engaged', { name: is.name, unreachable: is.unreachable, total: is.total })
  if (engaged(was) && !engaged(is)) ctx.log.info('brake_let_go', { name: 'unreachable' })
}
