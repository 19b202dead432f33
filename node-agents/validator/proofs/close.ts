import type { ProofVerdict } from '../../../schema/index.ts'
import { ControlError } from '../../core/control.ts'
import { reason } from '../../core/mistake.ts'
import type { Clock, Control } from '../../core/ports.ts'

const TRIES = 3
const EACH_MS = 5000
const PAUSE_MS = 500
/** It is over at the edge already, or the edge has forgotten it: there is nothing left to close. */
const OVER: ReadonlySet<string> = new Set(['conflict', 'not_found'])

/**
 * How closing went. `refused`: it is over at the edge, which did not take this verdict, and why; null: it did. `own`: no answer came, so that it
 * may be this machine that is cut off.
 */
export type Closed = { closed: true; refused: string | null } | { closed: false; own: boolean; why: string }

/**
 * Tells the edge the verdict, which lets the cards go. Never rejects: an edge that cannot be told ends the proof by itself. Goes on when
 * everything else was told to stop, because a miner waits for its cards.
 * @param tries one when there is no time
 */
export async function closeProof(
  control: Pick<Control, 'markProof'>,
  id: string,
  verdict: ProofVerdict,
  { clock, tries = TRIES }: { clock: Clock; tries?: number },
): Promise<Closed> {
  let last: unknown = null
  for (let i = 0; i < tries; i++) {
    if (i > 0) await clock.sleep(PAUSE_MS * 2 ** i)
    try {
      await control.markProof(id, { mark: 'close', verdict }, AbortSignal.timeout(EACH_MS))
      return { closed: true, refused: null }
    } catch (error) {
      last = error
      if (error instanceof ControlError && OVER.has(error.code)) return { closed: true, refused: reason(error) }
      if (error instanceof ControlError && !error.retryable) break
    }
  }
  const own = !(last instanceof ControlError) || last.code === 'network' || last.code === 'timeout'
  return { closed: false, own, why: reason(last) }
}
