import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { againInMs, horizonMs, type LastTry, shuffled, wavesOf } from './plan.ts'

type Target = { hotkey: string; of: string }
const MINUTE = 60_000
const patience = { retries: 3, intervalMs: MINUTE }

describe('who starts at the same moment', () => {
  const targets = fc.uniqueArray(fc.record({ hotkey: fc.integer({ min: 0, max: 400 }).map(String), of: fc.constantFrom('a', 'b', 'c') }), {
    selector: (t) => t.hotkey,
    maxLength: 120,
  })

  it('are all of them, each once, in waves that are never too large, and of one class', () => {
    fc.assert(
      fc.property(targets, fc.integer({ min: 1, max: 40 }), (all, most) => {
        const waves = wavesOf(all, { classOf: (t) => t.of, together: [], most })
        expect(waves.flat().map((t) => t.hotkey).toSorted()).toEqual(all.map((t) => t.hotkey).toSorted()) // prettier-ignore
        for (const wave of waves) {
          expect(wave.length).toBeGreaterThan(0)
          expect(wave.length).toBeLessThanOrEqual(most)
          expect(new Set(wave.map((t) => t.of)).size).toBe(1)
        }
        const full = Math.ceil(all.length / most) + 2
        expect(waves.length).toBeLessThanOrEqual(full)
      }),
    )
  })

  it('are those who list the same card, of whatever class they are', () => {
    fc.assert(
      fc.property(targets, fc.integer({ min: 2, max: 10 }), (all, size) => {
        const group = all.slice(0, size).map((t) => t.hotkey)
        const waves = wavesOf(all, { classOf: (t) => t.of, together: [[...group, 'who is rented']], most: 32 })
        const with_ = waves.filter((wave) => wave.some((t) => group.includes(t.hotkey)))
        expect(with_.length).toBe(group.length === 0 ? 0 : 1)
        expect(waves.flat()).toHaveLength(all.length)
      }),
    )
  })

  it('are cut where more list one card than fit', () => {
    const all: Target[] = Array.from({ length: 70 }, (_, i) => ({ hotkey: String(i), of: 'a' }))
    const waves = wavesOf(all, { classOf: (t) => t.of, together: [all.map((t) => t.hotkey)], most: 32 })
    expect(waves.map((w) => w.length)).toEqual([32, 32, 6])
  })

  it('are in another order each time, and nobody is lost', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), (items, numbers) => {
        const out = shuffled(items, () => numbers.next().value ?? 0)
        expect(out.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b))
      }),
    )
    expect(shuffled([1, 2, 3], () => 0)).not.toEqual([1, 2, 3])
  })
})

describe('when a miner is tried again', () => {
  const last = (o: Partial<LastTry>): LastTry => ({ tries: 1, outcome: 'failed', retryAfterS: null, ...o })
  it.each<[string, LastTry, number, number | null]>([
    ['after the pause', last({}), 0, MINUTE],
    ['when the edge says so', last({ outcome: 'put_off', retryAfterS: 300 }), 0, 5 * MINUTE],
    ['no sooner than after the pause', last({ outcome: 'put_off', retryAfterS: 1 }), 0, MINUTE],
    ['as often as is allowed', last({ tries: 3 }), 0, MINUTE],
    ['never: it was tried often enough', last({ tries: 4 }), 0, null],
    ['never: there is a result', last({ outcome: 'done' }), 0, null],
    ['never: the edge says so', last({ outcome: 'put_off', retryAfterS: 3600 }), 0, null],
    ['never: the round is half over', last({}), horizonMs(360) - MINUTE + 1, null],
    ['just in time', last({}), horizonMs(360) - MINUTE, MINUTE],
  ])('%s', (_, tried, elapsedMs, expected) => {
    expect(againInMs(tried, { elapsedMs, horizon: horizonMs(360) }, patience)).toBe(expected)
  })
})
