import { describe, expect, it } from 'vitest'
import type { ProofState, ProofVerdict } from '../../../schema/index.ts'
import { realClock } from '../../core/clock.ts'
import { type ControlCode, ControlError } from '../../core/control.ts'
import { closeProof } from './close.ts'
import { markCommitted } from './marks.ts'
import { NotProved } from './not-proved.ts'

/** What the edge does not take any more, because the proof is over there. */

const ID = 'al_01jd0000000000000000000000'
const never = new AbortController().signal
const clock = { ...realClock, sleep: async () => undefined }

/** An edge that answers every mark with this code, and says that the proof is in this state. */
function edge(code: ControlCode, state: Partial<ProofState> = {}) {
  const asked: string[] = []
  return {
    asked,
    markProof: async () => (asked.push('mark'), Promise.reject(new ControlError(code, `the edge: ${code}`, code !== 'conflict' && code !== 'not_found'))),
    proof: async () => (asked.push('look'), { id: ID, reason: null, ...state }) as ProofState,
  }
}

describe('to commit', () => {
  const commit = (control: ReturnType<typeof edge>) => markCommitted(control, ID, 'ab'.repeat(32), never)

  it.each<[string, Partial<ProofState>, RegExp]>([
    ['the edge ended it', { state: 'expired' }, /had not fixed its results when the edge ended the proof/],
    ['the miner took it down', { state: 'failed', reason: 'lost' }, /lost$/],
  ])('after %s is the miner’s failure, so that stalling is never a fault of the validator', async (_, state, why) => {
    const failing = commit(edge('conflict', state))
    await expect(failing).rejects.toBeInstanceOf(NotProved)
    await expect(failing).rejects.toThrow(why)
  })

  it('to something else than before is nobody’s but ours, as is an edge that is away', async () => {
    await expect(commit(edge('conflict', { state: 'ready' }))).rejects.toThrow('the edge: conflict')
    const away = edge('network')
    await expect(commit(away)).rejects.toThrow('the edge: network')
    expect(away.asked).toEqual(['mark', 'mark'])
  })
})

describe('a verdict', () => {
  const verdict = { result: 'valid' } as ProofVerdict

  it.each<ControlCode>(['conflict', 'not_found'])('that the edge takes no more (%s) leaves nothing to close, and it is said why', async (code) => {
    const control = edge(code)
    expect(await closeProof(control, ID, verdict, { clock })).toEqual({ closed: true, refused: `the edge: ${code}` })
    expect(control.asked).toHaveLength(1)
  })

  it('that was taken was not refused', async () => {
    const control = { markProof: async () => ({}) as ProofState }
    expect(await closeProof(control, ID, verdict, { clock })).toEqual({ closed: true, refused: null })
  })

  it('that never arrives is not closed', async () => {
    expect(await closeProof(edge('timeout'), ID, verdict, { clock })).toMatchObject({ closed: false, own: true })
  })
})
