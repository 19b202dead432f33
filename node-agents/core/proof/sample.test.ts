import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedRandom } from '../../../test/support/pog.ts'
import { cryptoRandom } from './random.ts'
import { dueOpenings, openRequest } from './request.ts'
import { checksPerGpu, drawSample } from './sample.ts'
import type { Sizes } from './sizes.ts'

const SIZES: Sizes = { n: 1024, K: 300, w: 16, f: 8, lanes: 8, r: 4, Q: 1500 }

describe('how many checks', () => {
  it.each([
    [1, 128, 64],
    [2, 64, 32],
    [7, 19, 10],
    [8, 16, 8],
    [64, 16, 8],
  ])('%i GPUs: %i and %i each', (gpus, chain, sweep) => expect(checksPerGpu(gpus)).toEqual({ chain, sweep }))
})

describe('what is checked', () => {
  it('is one of each part of all rounds and steps, and then some of the last', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 64 }), (seed, K, Q, gpus) => {
        const count = checksPerGpu(gpus)
        const { chain, sweep } = drawSample({ ...SIZES, K, Q }, count, fixedRandom(seed))
        for (const [drawn, length, k, last] of [
          [chain.map(({ t }) => t), K, count.chain, 4],
          [sweep.map(({ q }) => q), Q, count.sweep, 2],
        ] as const) {
          expect(drawn).toHaveLength(k)
          expect(drawn.slice(-last)).toEqual(Array(last).fill(length - 1))
          const parts = k - last
          for (const [part, at] of drawn.slice(0, -last).entries()) {
            expect(at).toBeGreaterThanOrEqual(Math.floor((part * length) / parts))
            expect(at).toBeLessThan(((part + 1) * length) / parts)
          }
        }
        for (const { a, i } of chain) expect([a, i].every((x) => x >= 0 && x < SIZES.n)).toBe(true)
        for (const { i, lane } of sweep) expect(i >= 0 && i < SIZES.n && lane >= 0 && lane < SIZES.lanes).toBe(true)
      }),
    )
  })

  it('is of other rows, columns and lanes each time, of the last round and step', () => {
    for (let seed = 0; seed < 200; seed++) {
      const { chain, sweep } = drawSample({ ...SIZES, n: 32, lanes: 2 }, checksPerGpu(8), fixedRandom(seed))
      const [rounds, steps] = [chain.slice(-4), sweep.slice(-2)]
      expect([rounds.map(({ a }) => a), rounds.map(({ i }) => i)].map((drawn) => new Set(drawn).size)).toEqual([4, 4])
      expect([steps.map(({ lane }) => lane), steps.map(({ i }) => i)].map((drawn) => new Set(drawn).size)).toEqual([2, 2])
    }
    const alone = drawSample({ ...SIZES, lanes: 1 }, checksPerGpu(8), fixedRandom(0))
    expect(alone.sweep.map(({ lane }) => lane)).toEqual(Array(8).fill(0))
  })

  it('can be every round, row, column, step and lane', () => {
    const random = fixedRandom(1)
    const samples = Array.from({ length: 400 }, () => drawSample({ ...SIZES, n: 64, K: 37, Q: 41 }, checksPerGpu(8), random))
    const [chain, sweep] = [samples.flatMap((s) => s.chain), samples.flatMap((s) => s.sweep)]
    const seen = [chain.map((c) => c.t), chain.map((c) => c.a), chain.map((c) => c.i), sweep.map((c) => c.q), sweep.map((c) => c.lane), sweep.map((c) => c.i)]
    expect(seen.map((numbers) => new Set(numbers).size)).toEqual([37, 64, 64, 41, 8, 64])
  })

  it('is drawn from the cryptographic source of the system as well', () => {
    const draws = Array.from({ length: 20 }, () => JSON.stringify(drawSample(SIZES, checksPerGpu(8), cryptoRandom)))
    expect(new Set(draws).size).toBe(20)
    expect(cryptoRandom.bytes(9)).toHaveLength(9)
  })
})

describe('what is asked for', () => {
  const sample = { chain: [{ t: 0, a: 5, i: 6 }, { t: 2, a: 7, i: 8 }], sweep: [{ q: 3, lane: 1, i: 9 }] } // prettier-ignore

  it('is both rows of each round, but nothing of the first state, then the rows of the steps, then the lanes', () => {
    const request = openRequest(dueOpenings(sample, { ...SIZES, K: 5, r: 2 }))
    expect(request.rows).toEqual([[1, 5], [2, 8], [3, 7], [3, 9], [4, 9]]) // prettier-ignore
    expect(request.u).toEqual([[3, 1], [4, 1]]) // prettier-ignore
  })
})
