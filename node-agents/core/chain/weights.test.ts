import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkLimits, clipToLimit, compareWeights, netuidIndex, toU16Weights, type WeightLimits } from './weights.ts'

const scores = (...values: number[]) => new Map(values.map((v, uid) => [uid, v]))
const OPEN: WeightLimits = { minAllowedWeights: 1, maxWeightsLimit: 65_535, neurons: 256, ownUid: null }
const arbitraryScores = fc
  .dictionary(fc.integer({ min: 0, max: 4095 }).map(String), fc.double({ min: 0, max: 1e9, noNaN: true }), { maxKeys: 300 })
  .map((d) => new Map(Object.entries(d).map(([uid, score]) => [Number(uid), score])))

describe('scores to weights', () => {
  it.each([
    ['the largest is 65535', scores(1, 2, 4), [0, 1, 2], [16_384, 32_768, 65_535]],
    ['half rounds to even, downwards', scores(0.5, 65_535), [1], [65_535]],
    ['half rounds to even, upwards', scores(1.5, 65_535), [0, 1], [2, 65_535]],
    ['half rounds to even, downwards again', scores(2.5, 65_535), [0, 1], [2, 65_535]],
    ['zeros go', scores(0, 3, 0), [1], [65_535]],
    ['so does what rounds to zero', scores(0.000_001, 1), [1], [65_535]],
    ['all zero is no weights', scores(0, 0), [], []],
    ['nobody is no weights', scores(), [], []],
    ['tiny scores are as good as others', scores(1e-300, 2e-300), [0, 1], [32_768, 65_535]],
  ])('%s', (_, given, uids, values) => {
    expect(toU16Weights(given)).toEqual({ uids, values })
  })

  it.each([
    ['a score below zero', new Map([[3, -0.1]]), 'BadScore'],
    ['NaN', new Map([[3, Number.NaN]]), 'BadScore'],
    ['an infinite score', new Map([[3, Infinity]]), 'BadScore'],
    ['a NaN among many', scores(1, 2, Number.NaN), 'BadScore'],
    ['a uid below zero', new Map([[-1, 1]]), 'UidVecContainInvalidOne'],
    ['a broken uid', new Map([[0.5, 1]]), 'UidVecContainInvalidOne'],
    ['a uid over 16 bits', new Map([[65_536, 1]]), 'UidVecContainInvalidOne'],
  ])('refuses %s', (_, given, code) => {
    expect(() => toU16Weights(given)).toThrow(expect.objectContaining({ code, kind: 'request' }))
  })

  it('keeps ratios to one half in 65535, and every uid that has any', () => {
    fc.assert(
      fc.property(arbitraryScores, (given) => {
        const { uids, values } = toU16Weights(given)
        const most = Math.max(0, ...given.values())
        expect(values.every((v) => v >= 1 && v <= 65_535)).toBe(true)
        if (most > 0) expect(Math.max(...values)).toBe(65_535)
        for (const [i, uid] of uids.entries()) expect(Math.abs((values[i] ?? 0) - ((given.get(uid) ?? 0) / most) * 65_535)).toBeLessThanOrEqual(0.5)
      }),
    )
  })
})

describe('limits', () => {
  it('clips the largest to its share and leaves the ratios of the others', () => {
    const { uids, values } = clipToLimit(toU16Weights(scores(90, 6, 3, 1)), 32_768)
    const sum = values.reduce((a, b) => a + b, 0)
    expect(uids).toEqual([0, 1, 2, 3])
    expect((values[0] ?? 0) / sum).toBeCloseTo(0.5, 3)
    expect((values[1] ?? 0) / (values[2] ?? 0)).toBeCloseTo(2, 2)
    expect((values[1] ?? 0) / (values[3] ?? 0)).toBeCloseTo(6, 2)
  })

  it('changes nothing without a limit, or within it', () => {
    for (const [given, limit] of [
      [scores(90, 6), 65_535],
      [scores(1, 1, 1), 32_768],
      [scores(0, 0), 1000],
    ] as const)
      expect(clipToLimit(toU16Weights(given), limit)).toEqual(toU16Weights(given))
  })

  it('refuses what so few uids cannot keep, and gives all the same where they just can', () => {
    expect(() => clipToLimit(toU16Weights(scores(5, 0, 1)), 30_000)).toThrow(expect.objectContaining({ code: 'MaxWeightExceeded', kind: 'request' }))
    expect(clipToLimit(toU16Weights(scores(9, 5, 0, 1)), 21_845)).toEqual({ uids: [0, 1, 3], values: [65_535, 65_535, 65_535] })
  })

  it('what is clipped keeps the limit as the chain reckons it', () => {
    fc.assert(
      fc.property(arbitraryScores, fc.integer({ min: 300, max: 65_534 }), (given, maxWeightsLimit) => {
        const weights = toU16Weights(given)
        fc.pre(weights.uids.length > 0 && (weights.uids.length * maxWeightsLimit) / 65_535 >= 1)
        checkLimits(clipToLimit(weights, maxWeightsLimit), { ...OPEN, maxWeightsLimit })
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['too few', { uids: [1], values: [65_535] }, { minAllowedWeights: 2 }, 'WeightVecLengthIsLow'],
    ['none', { uids: [], values: [] }, {}, 'WeightVecLengthIsLow'],
    ['one with too much', { uids: [1, 2], values: [65_535, 1] }, { maxWeightsLimit: 40_000 }, 'MaxWeightExceeded'],
  ])('%s would be refused', (_, weights, limits, code) => {
    expect(() => checkLimits(weights, { ...OPEN, ...limits })).toThrow(expect.objectContaining({ code, kind: 'request' }))
  })

  it.each([
    ['a single weight to oneself', { uids: [4], values: [65_535] }, { minAllowedWeights: 9, maxWeightsLimit: 10, ownUid: 4 }],
    ['all there are, though fewer than the minimum', { uids: [0, 1], values: [1, 1] }, { minAllowedWeights: 9, neurons: 2 }],
  ])('%s is taken', (_, weights, limits) => {
    checkLimits(weights, { ...OPEN, ...limits })
  })
})

describe('reading back', () => {
  it.each([
    [
      'the same',
      { uids: [0, 1], values: [10, 65_535] },
      [
        [0, 10],
        [1, 65_535],
      ],
      [],
    ],
    [
      'scaled by the chain',
      { uids: [0, 1], values: [10, 40] },
      [
        [0, 16_384],
        [1, 65_535],
      ],
      [],
    ],
    [
      'in another order, zeros left out',
      { uids: [2, 1, 0], values: [65_535, 0, 7] },
      [
        [0, 7],
        [2, 65_535],
      ],
      [],
    ],
    ['one is missing', { uids: [0, 1], values: [500, 65_535] }, [[1, 65_535]], [0]],
    [
      'one is too many',
      { uids: [1], values: [65_535] },
      [
        [1, 65_535],
        [3, 9],
      ],
      [3],
    ],
    [
      'another value',
      { uids: [0, 1], values: [500, 65_535] },
      [
        [0, 502],
        [1, 65_535],
      ],
      [0],
    ],
    ['nothing was set', { uids: [0, 1], values: [500, 65_535] }, [], [0, 1]],
    ['nothing was sent', { uids: [], values: [] }, [], []],
  ] as [string, { uids: number[]; values: number[] }, [number, number][], number[]][])('%s', (_, sent, read, differing) => {
    expect(compareWeights(sent, read)).toEqual(differing)
  })

  it('knows where a mechanism keeps its weights', () => {
    expect([netuidIndex(27, 0), netuidIndex(27, 1), netuidIndex(0, 2)]).toEqual([27, 4123, 8192])
  })
})
