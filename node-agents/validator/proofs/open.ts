import type { OpenProof, ProofState } from '../../../schema/index.ts'
import { ControlError } from '../../core/control.ts'
import { oneLine } from '../../core/text.ts'
import { type Clock, type Control, NotNow } from '../../core/ports.ts'
import { NotProved } from './not-proved.ts'

/** Below the time that one request has. */
const WAIT_S = 15
/** So long a container may take to be there. The edge ends a proof after five minutes, and the work needs the rest. */
export const READY_MS = 150_000
/** An edge that is redeployed is away for a moment. */
const TRIES = 4
const PAUSE_MS = 1000
const SHOWN = 200

/** Takes the free cards of a miner. @throws NotNow when the edge says that it is not the time; ControlError */
export async function openAt(control: Pick<Control, 'openProof'>, body: OpenProof, signal: AbortSignal): Promise<ProofState> {
  try {
    return await control.openProof(body, signal)
  } catch (error) {
    if (error instanceof ControlError && error.code === 'proof_refused') throw new NotNow(error.message, error.retryAfterS, error)
    throw error
  }
}

/** Why a proof was none. */
export const TAKEN = 'a client took its cards before the proof began'

export type Waiting = { control: Pick<Control, 'proof'>; clock: Clock; readyMs?: number }

/**
 * Waits until somebody can log in.
 * @throws NotNow when a client took the cards; NotProved when the miner does not bring it up, or not in time; ControlError when the edge is away
 */
export async function untilReady(first: ProofState, { control, clock, readyMs = READY_MS }: Waiting, signal: AbortSignal): Promise<ProofState> {
  const from = clock.monotonicMs()
  let [state, failures] = [first, 0]
  while (state.state === 'starting') {
    const leftMs = readyMs - (clock.monotonicMs() - from)
    if (leftMs <= 0) throw new NotProved(`its container was not ready within ${readyMs / 1000} s`)
    try {
      state = await control.proof(first.id, Math.min(WAIT_S, Math.ceil(leftMs / 1000)), signal)
      failures = 0
    } catch (error) {
      if (!(error instanceof ControlError) || !error.retryable || ++failures >= TRIES) throw error
      await clock.sleep(PAUSE_MS * failures, signal)
    }
  }
  return ready(state)
}

/** @throws what stands in the way of a proof in this state */
export function ready(state: ProofState): ProofState {
  switch (state.state) {
    case 'ready':
      return state
    case 'preempted':
      throw new NotNow(TAKEN, null)
    case 'failed':
      throw new NotProved(`its container did not come up: ${oneLine(state.reason ?? 'it did not say why').slice(0, SHOWN)}`)
    case 'expired':
      throw new NotProved('its container was not ready before the edge ended the proof')
    case 'starting':
    case 'closed':
      throw new Error(`the edge says that proof ${state.id} is ${state.state}, and nobody here did that: does another validator run with this hotkey?`)
  }
}
