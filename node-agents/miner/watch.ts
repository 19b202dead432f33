import { Backoff } from '../core/backoff.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import type { Tools } from './tools.ts'

const LASTED_MS = 60_000

/** Loop: lets the engine call us when something happens. It only makes the next look sooner, so losing it loses nothing. */
export async function watchLoop(t: Tools, look: () => void, log: Log, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(500, 30_000)
  while (!signal.aborted) {
    const begun = t.clock.monotonicMs()
    try {
      await t.driver.watch(t.owner, look, signal)
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error }, 'watching the engine broke off')
    }
    if (t.clock.monotonicMs() - begun > LASTED_MS) backoff.reset()
    look()
    await rest(t.clock, backoff.next(), signal)
  }
}
