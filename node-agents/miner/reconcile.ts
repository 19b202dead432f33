import type { WishEntry, WishRun } from '../../schema/index.ts'
import { Backoff } from '../core/backoff.ts'
import type { Log } from '../core/log.ts'
import { Mistake, reason } from '../core/mistake.ts'
import type { Trigger } from '../core/trigger.ts'
import { accept, type Allowed } from './accept.ts'
import { subjectOf, type Workers } from './apply.ts'
import { diff, isOver, neverHandedOver, type Situation, type Step } from './diff.ts'
import type { Hold } from './hold.ts'
import { type Key, keyOf } from './key.ts'
import type { ServerTime } from './server-time.ts'
import type { Tools } from './tools.ts'
import { mentionedBy } from './wish.ts'

/** Between two looks when nothing happens: the engine may not have told us everything. */
const EVERY_MS = 30_000

export type Reconciler = {
  tools: Tools
  hold: Hold
  time: ServerTime
  workers: Workers
  trigger: Trigger
  allowed: () => Allowed | null
  log: Log
}

/** Loop: look at the engine, compare with the wish, do the difference. */
export async function reconcileLoop(r: Reconciler, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(500, 15_000)
  for (;;) {
    await r.trigger.next(signal)
    if (await look(r, signal)) {
      backoff.reset()
      act(r)
      r.trigger.kick(untilNext(r))
    } else r.trigger.kick(backoff.next())
    r.tools.changed()
  }
}

async function look({ tools, log }: Reconciler, signal: AbortSignal): Promise<boolean> {
  try {
    if (!tools.sight.engine.ok) await sameEngine(tools, signal)
    await tools.sight.look(tools.driver, tools.owner, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Mistake) throw error
    if (tools.sight.engine.ok) log.error({ err: error }, 'the container engine does not answer')
    tools.sight.engine = { ok: false, message: reason(error).slice(0, 1000) }
    return false
  }
  return true
}

/** Containers made on another engine are not lost, only not here: nothing may be concluded from this one. Throws a `Mistake`. */
async function sameEngine({ driver, engineOf, memory }: Tools, signal: AbortSignal): Promise<void> {
  const { id } = await driver.info(signal)
  const known = engineOf.known()
  const rented = [...memory.lives.values()].filter((l) => l.stage === 'made').length
  if (known !== null && known !== id && rented > 0)
    throw new Mistake(
      `${rented} rental(s) of this agent are on the container engine ${JSON.stringify(known)}, and this is ${JSON.stringify(id)}. Start the agent with that engine (--docker); if it is gone for good, remove the state directory to begin as a new install.`,
    )
  if (known !== id) await engineOf.keep(id)
}

function act(r: Reconciler): void {
  const { book, clock, sight } = r.tools
  const entries = r.hold.wish?.entries ?? []
  const containers = sight.containers ?? []
  const wished = new Set(entries.map(keyOf))
  book.settle(containers, wished, clock.monotonicMs())
  const steps = diff(situation(r))
  book.agree(settledOf(r, wished, steps))
  r.workers.apply(steps)
  if (r.hold.wish) keep(r, r.hold.wish.entries, new Set([...wished, ...containers.map(keyOf)]))
}

/** What has nothing to be done for it. */
function settledOf({ workers }: Reconciler, wished: ReadonlySet<Key>, steps: Step[]): Key[] {
  const busy = new Set([...workers.inFlight.map(keyOf), ...steps.map((step) => keyOf(subjectOf(step)))])
  return [...wished].filter((key) => !busy.has(key))
}

function keep({ tools, log }: Reconciler, entries: readonly WishEntry[], keys: ReadonlySet<Key>): void {
  const complain = (error: unknown) => log.error({ err: error }, 'acts.json cannot be written')
  void tools.memory.agreed(entries).catch(complain)
  void tools.memory.prune(keys).catch(complain)
}

/** What the wish does not mention, and may be removed all the same. */
function mayGo({ tools, hold, time }: Reconciler): Set<Key> {
  const { memory, sight, unexplained } = tools
  if (!hold.wish) return new Set()
  const wished = mentionedBy(hold.wish)
  const strays = (sight.containers ?? []).map(keyOf).filter((key) => !wished.has(key) && !neverHandedOver(memory.lives.get(key)))
  const now = time.now()
  const over = strays.filter((key) => now !== null && (memory.lives.get(key)?.expires_at_ms ?? Infinity) <= now)
  return unexplained.look(strays, new Set(over))
}

function situation(r: Reconciler): Situation {
  const { tools, hold, time, workers, allowed } = r
  const limits = allowed()
  const now = tools.clock.monotonicMs()
  const made = (hold.wish?.entries ?? []).map(keyOf).filter((key) => tools.memory.lives.get(key)?.stage === 'made')
  return {
    entries: hold.wish?.entries ?? null,
    containers: tools.sight.containers ?? [],
    lives: tools.memory.lives,
    inFlight: workers.inFlight,
    ready: tools.book.ready(),
    worn: tools.book.worn(now),
    missing: tools.sight.missingFor(made, tools.missingMs, now),
    owed: tools.book.owed(),
    held: tools.book.held(),
    mayGo: mayGo(r),
    nowMs: time.now(),
    fresh: hold.fresh && limits !== null,
    accept: (entry: WishRun) => {
      if (!hold.durable) return { code: 'disk_full', message: 'this host cannot write its state' }
      return limits && accept(entry, limits, tools.sight.foreignGpus)
    },
  }
}

/** Milliseconds until the next look: a wish that runs out is ended on time. */
function untilNext({ hold, time, tools }: Reconciler): number {
  const now = time.now()
  const every = tools.sight.misses ? Math.min(EVERY_MS, tools.missingMs) : EVERY_MS
  if (now === null) return every
  const agreed = (tools.sight.containers ?? []).map((c) => tools.memory.lives.get(keyOf(c))?.expires_at_ms ?? Infinity).filter((end) => end > now)
  const ends = (hold.wish?.entries ?? []).flatMap((e) => (e.kind === 'container' && !isOver(e, now) ? [e.expires_at_ms] : []))
  return Math.max(0, Math.min(every, ...[...agreed, ...ends].map((end) => end - now)))
}
