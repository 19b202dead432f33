import { describe, expect, it } from 'vitest'
import { checkSizes, laneOpeningBytes, rowOpeningBytes, type Sizes } from './sizes.ts'

const SIZES: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }

describe('sizes', () => {
  it('have openings of known length', () => {
    checkSizes(SIZES)
    expect(rowOpeningBytes(SIZES)).toBe(16_384 + 8192 + 1024 + 11 * 32)
    expect(laneOpeningBytes(SIZES)).toBe(16_384 + 14 * 32)
  })

  it.each([
    ['the largest', { n: 32_768, w: 1024, f: 8 }],
    ['the smallest', { n: 32, K: 1, w: 1, f: 4, lanes: 1, r: 1, Q: 1 }],
  ])('%s are taken', (_, change) => checkSizes({ ...SIZES, ...change }))

  it.each([
    ['n beyond what is exact', { n: 65_536 }, 'n is'],
    ['n no power of two', { n: 12_288 }, 'powers of two'],
    ['n too small', { n: 16, w: 1, f: 4 }, 'powers of two'],
    ['f no power of two', { f: 6 }, 'powers of two'],
    ['digests wider than a row', { w: 513 }, 'fit into'],
    ['an odd group', { w: 3, f: 2 }, 'multiple of 4'],
    ['no rounds', { K: 0 }, 'K is'],
    ['half a step', { Q: 0.5 }, 'Q is'],
    ['NaN lanes', { lanes: Number.NaN }, 'lanes is'],
    ['more states a step than there are', { K: 3 }, 'r states'],
    ['rows of the sweep that fill a card', { Q: 16_384 }, '(Q+1)·lanes·n bytes'],
  ])('%s is refused', (_, change, why) => {
    expect(() => checkSizes({ ...SIZES, ...change })).toThrow(RangeError)
    expect(() => checkSizes({ ...SIZES, ...change })).toThrow(why)
  })
})
