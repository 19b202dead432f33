import type { MarkProof, ProofState } from '../../../schema/index.ts'
import { ControlError } from '../../core/control.ts'
import type { Control } from '../../core/ports.ts'
import { NotProved } from './not-proved.ts'
import { ready } from './open.ts'

/** Once more: the same mark again changes nothing, and an edge may drop one request. */
async function marked(control: Pick<Control, 'markProof'>, id: string, mark: MarkProof, signal: AbortSignal): Promise<ProofState> {
  try {
    return await control.markProof(id, mark, signal)
  } catch (error) {
    if (!(error instanceof ControlError) || !error.retryable) throw error
    return await control.markProof(id, mark, signal)
  }
}

/**
 * From here on no client can take the cards.
 * @throws NotNow when one already did; NotProved when the miner took its container down; ControlError
 */
export async function markGo(control: Pick<Control, 'markProof' | 'proof'>, id: string, signal: AbortSignal): Promise<void> {
  try {
    await marked(control, id, { mark: 'go' }, signal)
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== 'conflict') throw error
    ready(await control.proof(id, 0, signal)) // says which state does not allow it
    throw error
  }
}

/**
 * Everything that can be asked for is fixed, and the edge has seen when. A miner that is too late for the edge has failed: that it can choose to
 * be must not make it a fault of this validator. @param digest SHA-256 over it, hex
 * @throws NotProved when the edge ended the proof before, or the miner took its container down; ControlError
 */
export async function markCommitted(control: Pick<Control, 'markProof' | 'proof'>, id: string, digest: string, signal: AbortSignal): Promise<void> {
  try {
    await marked(control, id, { mark: 'committed', digest }, signal)
  } catch (error) {
    if (!(error instanceof ControlError) || error.code !== 'conflict') throw error
    const now = await control.proof(id, 0, signal)
    if (now.state === 'expired') throw new NotProved('it had not fixed its results when the edge ended the proof', { cause: error })
    ready(now)
    throw error
  }
}
