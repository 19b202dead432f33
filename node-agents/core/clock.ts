import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from './ports.ts'

/** Longest delay a Node timer takes; a longer one would fire at once. */
const LONGEST_MS = 2 ** 31 - 1

/** The machine's own time. `sleep` rejects with an AbortError when its signal fires. */
export const realClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) => sleep(Math.min(Math.max(ms, 0), LONGEST_MS), undefined, signal ? { signal } : {}),
}

/** Sleeps and comes back early when the signal fires: for loops that look at the signal themselves. */
export async function rest(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await clock.sleep(ms, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
