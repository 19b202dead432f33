import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TOTAL_LIMIT } from '../lines.ts'
import type { Sizes } from '../sizes.ts'
import { checkTask, chunkLimit, credited, openLimitMs, rootsLimitMs, SESSION_MS, timedLimitMs, totalLimit } from './limits.ts'

const REAL: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }
const SMALL: Sizes = { n: 64, K: 8, w: 4, f: 4, lanes: 8, r: 2, Q: 12 }

describe('time', () => {
  it.each([
    [2000, 0, 2000],
    [2000, 20, 1980],
    [2000, 60, 1940],
    [2000, 5000, 1940],
    [100, 20, 97],
    [0, 20, 0],
  ])('of %i ms with %i ms to and fro counts as %i', (ms, rtt, counted) => expect(credited(ms, rtt)).toBe(counted))

  it('a credit never makes a time shorter by more than 3 %, nor longer', () => {
    const ms = fc.double({ min: 0, max: 1e6, noNaN: true })
    fc.assert(fc.property(ms, ms, (raw, rtt) => credited(raw, rtt) <= raw && credited(raw, rtt) >= raw * 0.97 - 1e-6))
  })

  it.each([
    [1700, 0, 3000],
    [1700, 50, 3100],
  ])('of %i ms may take, with %i ms to and fro, %i', (expected, rtt, limit) => expect(timedLimitMs(expected, rtt)).toBe(limit))

  it('of everything is bounded, and enough for what was measured', () => {
    for (const gpus of [1, 8]) {
      // Trees of 2.7 ms for at least 64 rows of states, and 2.6 MB, at 2 Mbit/s.
      expect(openLimitMs(REAL, gpus)).toBeGreaterThan(gpus * (64 * 2.7 + 2.6e6 / 250))
      for (const limit of [rootsLimitMs(REAL, gpus), openLimitMs(REAL, gpus)]) expect(limit).toBeLessThan(SESSION_MS / 2)
    }
  })
})

describe('bytes', () => {
  it('of 8 real GPUs fit, and what else is said is little', () => {
    expect(totalLimit(REAL, 8)).toBeGreaterThan(20e6)
    expect(totalLimit(REAL, 8)).toBeLessThanOrEqual(TOTAL_LIMIT)
    expect(totalLimit(SMALL, 1)).toBeLessThan(2e6)
  })

  it('come in pieces of 64 on average, or more', () => expect(chunkLimit(6400)).toBe(100))

  it('are few enough for every machine of up to 16 GPUs', () => {
    for (const gpus of [1, 2, 4, 8, 16]) expect(() => checkTask({ gpus, sizes: REAL, chainMs: 2000, sweepMs: 700 })).not.toThrow()
  })
})
