import { describe, expect, it } from 'vitest'
import { gpu, host } from '../../../test/support/scores.ts'
import type { NewProof } from '../store/types.ts'
import type { Outcome, Tried } from './proof.ts'
import { settled } from './wave.ts'

/** Miner of that name, who lists the card X and one of its own. */
function tried(hotkey: string, outcome: Outcome, shows = ['X']): Tried {
  const miner = host([gpu(0, { uuid: 'X' }), gpu(1, { uuid: `own of ${hotkey}` })], { hotkey })
  const proof = (): NewProof => ({ hotkey, result: outcome === 'valid' ? 'valid' : 'failed', gpus: outcome === 'valid' ? shows.map((uuid) => ({ uuid, model: 'NVIDIA H200', rentedMs: 0 })) : [], simulated: false, reason: 'why', durationMs: 1, block: 1, at: 1, evidence: EVIDENCE }) // prettier-ignore
  return {
    target: { uid: 1, hotkey, miner },
    outcome,
    reason: 'why',
    durationMs: 1,
    retryAfterS: null,
    proof: outcome === 'put_off' || outcome === 'own_fault' ? null : proof(),
  }
}
const EVIDENCE = { proof: null, text: '', mismatch: false, measured: null, confidence: null, runnerUp: null, flags: [], bundle: null, lost: [] }
const group = { hotkeys: ['a', 'b'], ids: ['X'] }

describe('miners who list the same card', () => {
  const after = (a: Tried, b: Tried | null, starts: Record<string, number>) =>
    [a, ...(b ? [b] : [])].map((t) => {
      const evidence = settled(t, [a, ...(b ? [b] : [])], group, (h) => starts[h] ?? null).proof?.evidence
      return evidence && { lost: evidence.lost, noted: evidence.flags.length }
    })
  const [nothing, noted, lost] = [
    { lost: [], noted: 0 },
    { lost: [], noted: 1 },
    { lost: ['X'], noted: 0 },
  ]

  it.each<[string, Tried, Tried | null, Record<string, number>, unknown[]]>([
    ['keep it when both showed it at the same moment: there are two', tried('a', 'valid'), tried('b', 'valid'), { a: 1, b: 1 }, [nothing, nothing]],
    ['lose it when the other alone showed it', tried('a', 'valid'), tried('b', 'failed'), { a: 1, b: 1 }, [nothing, lost]],
    ['lose it when they did not even get ready', tried('a', 'valid'), tried('b', 'failed'), { a: 1 }, [nothing, lost]],
    ['keep what the other lists and did not show: it was rented', tried('a', 'valid', ['own of a']), tried('b', 'failed'), { a: 1, b: 1 }, [nothing, nothing]],
    ['keep what they had when nobody showed it', tried('a', 'failed'), tried('b', 'failed'), { a: 1, b: 1 }, [nothing, nothing]],
    ['are noted when one came later', tried('a', 'valid'), tried('b', 'valid'), { a: 1, b: 2 }, [noted, noted]],
    ['are noted when one could not be asked', tried('a', 'valid'), tried('b', 'put_off'), { a: 1 }, [noted, undefined]],
    ['are noted when one was not in the wave', tried('a', 'valid'), null, { a: 1 }, [noted]],
  ])('%s', (_, a, b, starts, expected) => {
    expect(after(a, b, starts)).toEqual(expected)
  })
})
