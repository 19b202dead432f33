import type { WishRun } from '../../schema/index.ts'
import { Backoff } from '../core/backoff.ts'
import type { Log } from '../core/log.ts'
import { reason } from '../core/mistake.ts'
import type { Trigger } from '../core/trigger.ts'
import { accept, type Allowed } from './accept.ts'
import type { Workers } from './apply.ts'
import { diff, isOver, type Situation } from './diff.ts'
import type { Hold } from './hold.ts'
import { keyOf } from './key.ts'
import type { ServerTime } from './server-time.ts'
import type { Tools } from './tools.ts'

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
    await tools.sight.look(tools.driver, tools.owner, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (tools.sight.engine.ok) log.error({ err: error }, 'the container engine does not answer')
    tools.sight.engine = { ok: false, message: reason(error).slice(0, 1000) }
    return false
  }
  return true
}

function act(r: Reconciler): void {
  const { book, clock, memory, sight } = r.tools
  const entries = r.hold.wish?.entries ?? []
  const containers = sight.containers ?? []
  const wished = new Set(entries.map(keyOf))
  book.settle(containers, wished, clock.monotonicMs())
  r.workers.apply(diff(situation(r)))
  if (r.hold.wish)
    void memory.prune(new Set([...wished, ...containers.map(keyOf)])).catch((error: unknown) => r.log.error({ err: error }, 'acts.json cannot be written'))
}

function situation({ tools, hold, time, workers, allowed }: Reconciler): Situation {
  const limits = allowed()
  return {
    entries: hold.wish?.entries ?? null,
    containers: tools.sight.containers ?? [],
    lives: tools.memory.lives,
    inFlight: workers.inFlight,
    ready: tools.book.ready(),
    worn: tools.book.worn(),
    nowMs: time.now(),
    fresh: hold.fresh && limits !== null,
    accept: (entry: WishRun) => {
      if (!hold.durable) return { code: 'disk_full', message: 'this host cannot write its state' }
      return limits && accept(entry, limits)
    },
  }
}

/** Milliseconds until the next look: a wish that runs out is ended on time. */
function untilNext({ hold, time }: Reconciler): number {
  const now = time.now()
  if (now === null) return EVERY_MS
  const ends = (hold.wish?.entries ?? []).flatMap((e) => (e.kind === 'container' && !isOver(e, now) ? [e.expires_at_ms - now] : []))
  return Math.max(0, Math.min(EVERY_MS, ...ends))
}
