import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedRandom } from '../../../test/support/pog.ts'
import { sampleOf } from './recall.ts'
import { dueOpenings, type OpenRequest, openRequest } from './request.ts'
import { checksPerGpu, drawSample } from './sample.ts'
import type { Sizes } from './sizes.ts'

const SIZES: Sizes = { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 4, Q: 40 }

describe('a sample', () => {
  const drawn = fc.record({
    seed: fc.integer(),
    gpus: fc.integer({ min: 1, max: 64 }),
    K: fc.integer({ min: 4, max: 300 }),
    Q: fc.integer({ min: 1, max: 3000 }),
  })

  it('is known from its request, to the last column', () => {
    fc.assert(
      fc.property(drawn, ({ seed, gpus, K, Q }) => {
        const [sizes, count] = [{ ...SIZES, K, Q }, checksPerGpu(gpus)]
        const sample = drawSample(sizes, count, fixedRandom(seed))
        expect(sampleOf(openRequest(dueOpenings(sample, sizes)), sizes, count)).toEqual(sample)
      }),
      { numRuns: 200 },
    )
  })

  it('is not known from a request that was changed so that no sample gives it', () => {
    const count = checksPerGpu(8)
    const request = openRequest(dueOpenings(drawSample(SIZES, count, fixedRandom(1)), SIZES))
    const changed: OpenRequest[] = [
      { rows: [], u: [] },
      { ...request, rows: request.rows.slice(1) },
      { ...request, rows: [...request.rows, [1, 1]] },
      { ...request, u: request.u.slice(2) },
      { ...request, u: request.u.toReversed() },
      { ...request, rows: request.rows.toReversed() },
      { ...request, rows: request.rows.map(([t, i], k) => (k === request.rows.length - 1 ? [t, i + 1] : [t, i])) },
    ]
    // A pair is of one lane.
    const [q, l] = request.u.at(-1) ?? [0, 0]
    changed.push({ ...request, u: [...request.u.slice(0, -1), [q, (l + 1) % 8]] })
    for (const each of changed) expect(() => sampleOf(each, SIZES, count)).toThrow('no sample gives')
  })

  it('is not known from one that leaves out the ends, which stopped the clock', () => {
    const count = checksPerGpu(8)
    const { chain, sweep } = drawSample(SIZES, count, fixedRandom(1))
    const early = { chain: chain.map((c) => ({ ...c, t: Math.min(c.t, 6) })), sweep }
    const short = { chain, sweep: sweep.map((s) => ({ ...s, q: Math.min(s.q, 38) })) }
    for (const sample of [early, short]) expect(() => sampleOf(openRequest(dueOpenings(sample, SIZES)), SIZES, count)).toThrow('no sample gives')
  })
})
