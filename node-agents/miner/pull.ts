import { DEADLINE_MS } from '../../schema/index.ts'
import { rest } from '../core/clock.ts'
import { type Clock, type Driver, DriverError, type PullProgress } from '../core/ports.ts'

const STALLED_MS = 60_000
const CHECK_MS = 1000

/**
 * Pulls an image, and gives up when no byte came for a minute or twenty minutes are over:
 * engines retry a broken layer for very long without saying so.
 */
export async function pullWithin(
  { driver, clock }: { driver: Driver; clock: Clock },
  reference: string,
  onProgress: (p: PullProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const begun = clock.monotonicMs()
  const done = new AbortController()
  const stop = new AbortController()
  let at = begun
  let current = -1
  let why: string | null = null
  const guard = async () => {
    while (!done.signal.aborted && !why) {
      await rest(clock, CHECK_MS, done.signal)
      const now = clock.monotonicMs()
      if (now - at > STALLED_MS) why = `no byte of ${reference} came for ${STALLED_MS / 1000} s`
      else if (now - begun > DEADLINE_MS.pull) why = `${reference} was not here after ${DEADLINE_MS.pull / 60_000} minutes`
    }
    if (why) stop.abort()
  }
  const watching = guard()
  const moved = (p: PullProgress) => {
    if (p.current !== current) at = clock.monotonicMs()
    current = p.current
    onProgress(p)
  }
  try {
    await driver.pull(reference, moved, AbortSignal.any([signal, stop.signal]))
  } catch (error) {
    throw why ? new DriverError('pull_failed', why, error) : error
  } finally {
    done.abort()
    await watching
  }
}
