import { Backoff } from '../core/backoff.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Clock } from '../core/ports.ts'
import type { Tools } from './tools.ts'

const LASTED_MS = 60_000
/** An engine tells of a change before its list shows it: look again so long after the last change. */
const AGAIN_MS = [300, 1500]

/** Looks at once, and again after each delay; the next change begins the delays anew. */
function echoing(clock: Clock, look: () => void, signal: AbortSignal): () => void {
  let latest = new AbortController()
  const again = async (ms: number, until: AbortSignal) => {
    await rest(clock, ms, until)
    if (!until.aborted) look()
  }
  return () => {
    latest.abort()
    latest = new AbortController()
    const until = AbortSignal.any([signal, latest.signal])
    look()
    for (const ms of AGAIN_MS) void again(ms, until)
  }
}

/** Loop: lets the engine call us when something happens. It only makes the next look sooner, so losing it loses nothing. */
export async function watchLoop(t: Pick<Tools, 'clock' | 'driver' | 'owner'>, look: () => void, log: Log, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(500, 30_000)
  const onChange = echoing(t.clock, look, signal)
  while (!signal.aborted) {
    const begun = t.clock.monotonicMs()
    try {
      await t.driver.watch(t.owner, onChange, signal)
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'watching the engine broke off')
    }
    if (t.clock.monotonicMs() - begun > LASTED_MS) backoff.reset()
    look()
    await rest(t.clock, backoff.next(), signal)
  }
}
