import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failed, gpu, host, HOUR, invalid, NOW, proof, proofOf } from '../../../test/support/scores.ts'
import type { Proof } from '../store/types.ts'
import { reliability, RELIABILITY_FLOOR } from './reliability.ts'

const NONE = { attempts: 0, successes: 0 }
const idle = host([gpu(0)])
const make = (result: Proof['result'], i: number): Proof =>
  result === 'valid' ? proofOf(['NVIDIA H200'], { at: NOW - i * HOUR }) : result === 'failed' ? failed(NOW - i * HOUR) : invalid(NOW - i * HOUR)
const of = (results: Proof['result'][], missed = 0, attempts = 60) => reliability(results.map(make), { attempts, successes: attempts - missed }, idle).value

describe('how far a miner can be relied on', () => {
  it.each<[string, number, number]>([
    ['an empty record', reliability([], NONE, null).value, 1],
    ['a perfect record', of(['valid', 'valid', 'valid', 'valid']), 1],
    ['one failed among good ones', of(['failed', 'valid', 'valid', 'valid']), 0.9375],
    ['the first proof failed: no more than any other', of(['failed']), 0.9375],
    ['invalid weighs double', of(['valid', 'invalid', 'valid']), 0.875],
    ['all failed', of(['failed', 'failed', 'failed', 'failed']), 0.75],
    ['all invalid is no worse', of(['invalid', 'invalid', 'invalid', 'invalid']), 0.75],
    ['what is older than the newest four does not count', of(['valid', 'valid', 'valid', 'valid', 'failed']), 1],
    ['half of the challenges missed', of(['valid'], 30), 0.875],
    ['the first challenge missed: no more than any other', of(['valid'], 1, 1), 1 - 0.25 / 60],
    ['everything bad', of(['failed', 'failed', 'failed', 'failed'], 60), RELIABILITY_FLOOR],
  ])('%s', (_, value, wanted) => expect(value).toBeCloseTo(wanted, 12))

  it.each([
    [5, 6],
    [-1, -1],
    [Number.NaN, 1],
    [Number.POSITIVE_INFINITY, 1],
  ])('throws for a damaged record: %s tried, %s passed', (attempts, successes) =>
    expect(() => reliability([], { attempts, successes }, null)).toThrow(/damaged/),
  )

  const results = fc.array(fc.constantFrom<Proof['result']>('valid', 'failed', 'invalid'), { maxLength: 4 })
  const missed = fc.integer({ min: 0, max: 60 })
  it('stays between the floor and 1, and is 1 exactly on a perfect record', () =>
    fc.assert(
      fc.property(results, missed, (record, misses) => {
        const value = of(record, misses)
        expect(value).toBeGreaterThanOrEqual(RELIABILITY_FLOOR)
        expect(value).toBeLessThanOrEqual(1)
        expect(value === 1).toBe(misses === 0 && record.every((r) => r === 'valid'))
      }),
    ))
  it('no result made better lowers it', () =>
    fc.assert(
      fc.property(results, missed, missed, fc.nat(3), (record, a, b, i) => {
        const better = record.map((r, j) => (j === i % record.length ? ('valid' as const) : r))
        expect(of(better, Math.min(a, b))).toBeGreaterThanOrEqual(of(record, Math.max(a, b)))
      }),
    ))
})

describe('a proof that failed while cards were rented', () => {
  const rentedAt = (h: number, at: number) => proof({ gpus: [{ uuid: 'GPU-0', model: 'NVIDIA H200', rentedMs: h * HOUR }], at })
  const excused = (proofs: Proof[], nowRentedH: number) => reliability(proofs, NONE, host([gpu(0, { rented_ms: nowRentedH * HOUR })])).excused
  it.each<[string, Proof[], number, number]>([
    ['rented since the last good one', [failed(NOW), rentedAt(5, NOW - HOUR)], 6, 1],
    ['not rented since', [failed(NOW), rentedAt(5, NOW - HOUR)], 5, 0],
    ['rented between two good ones', [rentedAt(6, NOW), failed(NOW - HOUR), rentedAt(5, NOW - 2 * HOUR)], 6, 1],
    ['rented only after both', [rentedAt(5, NOW), failed(NOW - HOUR), rentedAt(5, NOW - 2 * HOUR)], 9, 0],
    ['rented long before, and nothing proved since', [failed(NOW), failed(NOW), failed(NOW), failed(NOW), rentedAt(5, NOW - HOUR)], 5, 0],
    ['never proved, and rented', [failed(NOW)], 1, 1],
    ['a wrong proof is never excused', [invalid(NOW), rentedAt(5, NOW - HOUR)], 6, 0],
  ])('%s', (_, proofs, now, wanted) => expect(excused(proofs, now)).toBe(wanted))
})
