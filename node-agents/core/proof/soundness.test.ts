import { describe, expect, it } from 'vitest'
import { at, type Cheat, fixedRandom, type Matrix, SlowGpu } from '../../../test/support/pog.ts'
import type { Challenge } from './gpu.ts'
import type { Sizes } from './sizes.ts'
import type { Transcript } from './transcript.ts'
import type { Check } from './verdict.ts'
import { Verifier } from './verify.ts'

/** How often provers that save work are seen, over many draws of what is checked. The draws are the same in every run of these tests. */

const SIZES: Sizes = { n: 32, K: 8, w: 2, f: 4, lanes: 8, r: 1, Q: 400 }
const CHALLENGE: Challenge = { sizes: SIZES, seed: fixedRandom(1).bytes(32) }
const [EARLY, NONCE] = [fixedRandom(2).bytes(32), fixedRandom(3).bytes(32)]
/** Of one GPU of eight, which gets the fewest checks. One alone gets eight times as many, and is as good as never missed. */
const RUNS: Record<number, number> = { 8: 1000, 1: 100 }

/** Where one GPU of a machine of so many was caught, if it was: one verifier each run. */
function caught(prover: SlowGpu, gpus: number, transcript: Transcript = prover.transcript): (Check | null)[] {
  const challenge = { ...CHALLENGE, sizes: prover.sizes }
  return Array.from({ length: RUNS[gpus] ?? 0 }, (_, run) => {
    const verifier = new Verifier(challenge, gpus, fixedRandom(run))
    const request = verifier.commit(0, NONCE, transcript) ?? { rows: [], u: [] }
    for (const [k, bytes] of prover.open(request).entries()) verifier.take(0, k, bytes)
    const [verdict] = verifier.verdict().gpus
    return verdict?.result === 'mismatch' ? verdict.mismatch.check : null
  })
}

const missed = (checks: (Check | null)[]) => checks.filter((check) => check === null).length / checks.length
const swept = (cheat: Cheat) => new SlowGpu(CHALLENGE, 0, cheat).sweep(NONCE)
const zeros = (rows: Matrix) => rows.map((row) => new Int8Array(row.length))

describe('a chain in which work is saved behind few wrong rounds', () => {
  const LONG: Challenge = { ...CHALLENGE, sizes: { ...SIZES, K: 256, r: 4, Q: 16 } }
  const chained = (round: NonNullable<Cheat['round']>) => new SlowGpu(LONG, 0, { round }).sweep(NONCE)

  // What the other rounds would make of it without an entry of their own: W·0 is 0, and so is every state from there on, and every read of one.
  const nothing = chained((_, before) => zeros(before))
  // The same half once more: half the work and half the memory. Not after a multiple of n, which real chains are never as long as.
  const states: Matrix[] = []
  const again = chained((t, _, right) => {
    const state = t < 120 ? right() : at(states, t - 120)
    states.push(state)
    return state
  })
  // The most that can be saved for good: a state of zeros makes the next one the moved rows of the first, without any work.
  const pairs = chained((t, before, right) => (t % 2 === 0 ? zeros(before) : right()))

  it.each([8, 1])('states of zeros, and states that come round again, are always seen, on one of %i GPUs', (gpus) => {
    expect([missed(caught(nothing, gpus)), missed(caught(again, gpus))]).toEqual([0, 0])
  })

  it('where every second round is right, it passes on one of 8 GPUs with less than 2^-8, on one alone never', () => {
    expect(missed(caught(pairs, 8))).toBeLessThan(2 ** -8)
    expect(missed(caught(pairs, 1))).toBe(0)
  })
})

describe('a sweep worked out before the nonce is known', () => {
  const early = new SlowGpu(CHALLENGE, 0).sweep(EARLY).u

  it.each([8, 1])('and joined to the right start is always seen, on one of %i GPUs', (gpus) => {
    expect(missed(caught(swept({ step: (q) => at(early, q + 1) }), gpus))).toBe(0)
  })

  it('and mended in every second step, the last one among them, passes on one of 8 GPUs with 2^-6, on all with 2^-48', () => {
    // The most that can be worked out: where U_q is known beforehand, so is all of the step from it but the fresh rows.
    const mended = swept({ step: (q, _, right) => (q % 2 === (SIZES.Q - 1) % 2 ? right() : at(early, q + 1)) })
    expect(Math.log2(missed(caught(mended, 8)))).toBeCloseTo(-6, 0)
    expect(missed(caught(mended, 1))).toBe(0)
  })
})

describe('a line that stops the clock before the work is done', () => {
  /** One wrong step in the middle, and all that follows from it right: what can be made of an end that came first. */
  const late = swept({
    round: (t, before, right) => (t === 3 ? zeros(before) : right()),
    step: (q, before, right) => (q === 200 ? zeros(before) : right()),
  })

  it.each([
    ['tip', 'tip'],
    ['swp', 'swept'],
  ] as const)('%s is always seen when it is not the hash of all that follows', (line, check) => {
    const early = { ...late.transcript, [line]: fixedRandom(9).bytes(32) }
    expect(new Set(caught(late, 8, early))).toEqual(new Set([check]))
  })

  it('the root of a last state that was not computed is always seen', () => {
    expect(missed(caught(swept({ round: (t, before, right) => (t === SIZES.K - 1 ? zeros(before) : right()) }), 8))).toBe(0)
  })

  it('that of one whose rows were computed by half passes with less than 2^-4', () => {
    const half = swept({ round: (t, before, right) => (t === SIZES.K - 1 ? [...right().slice(0, 16), ...zeros(before).slice(16)] : right()) })
    expect(missed(caught(half, 8))).toBeLessThan(2 ** -4)
  })

  it('rows of a last step that was not computed are always seen, were it seven of its eight lanes', () => {
    expect(missed(caught(swept({ step: (q, before, right) => (q === SIZES.Q - 1 ? zeros(before) : right()) }), 8))).toBe(0)
    const one = swept({ step: (q, before, right) => (q === SIZES.Q - 1 ? [...zeros(before).slice(0, 7), ...right().slice(7)] : right()) })
    expect(missed(caught(one, 8))).toBe(0) // two lanes are looked at, never the same
  })
})
