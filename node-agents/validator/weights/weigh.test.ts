import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { WeighInput, Weights } from './types.ts'
import { weigh } from './weigh.ts'

const OWNER = 'owner'
const input = (scores: number[], change: Partial<WeighInput> = {}): WeighInput => ({
  shares: scores.map((score, uid) => ({ uid, hotkey: `miner ${uid}`, score })),
  n: Math.max(scores.length, 10),
  ownUid: 9,
  burn: { share: 0, uid: null, hotkey: null },
  limits: { minAllowedWeights: 1, maxWeightsLimit: 65_535, weightsVersionKey: 0n },
  ...change,
})
const burn = (share: number, uid: number | null = 0) => ({ share, uid, hotkey: uid === null ? null : OWNER })
const limits = (change: Partial<WeighInput['limits']>) => ({ ...input([]).limits, ...change })

function made(given: WeighInput): Weights {
  const result = weigh(given)
  if ('none' in result) throw new Error(result.none)
  return result
}
const pairs = ({ uids, values }: Weights) => uids.map((uid, i) => [uid, values[i]])

describe('weigh', () => {
  test.each<[string, WeighInput, number[][], RegExp[]]>([
    [
      'by the largest',
      input([1, 2, 4]),
      [
        [0, 16_384],
        [1, 32_768],
        [2, 65_535],
      ],
      [],
    ],
    ['below zero is zero', input([-5, 1]), [[1, 65_535]], [/1 scores below zero/]],
    [
      'what is too small is left out',
      input([1e-9, 1, 1]),
      [
        [1, 65_535],
        [2, 65_535],
      ],
      [/1 scores are too small/],
    ],
    [
      'a burn share',
      input([0, 1, 3], { burn: burn(0.5) }),
      [
        [0, 65_535],
        [1, 16_384],
        [2, 49_151],
      ],
      [],
    ],
    [
      'a small burn share',
      input([0, 1], { burn: burn(0.2) }),
      [
        [0, 16_384],
        [1, 65_535],
      ],
      [],
    ],
    ['everything burned', input([0, 1, 3], { burn: burn(1) }), [[0, 65_535]], []],
    [
      'an owner that mines too',
      input([1, 1], { burn: burn(0.5) }),
      [
        [0, 65_535],
        [1, 21_845],
      ],
      [],
    ],
    ['an owner that is not there', input([0, 1], { burn: burn(0.5, null) }), [[1, 65_535]], [/nothing is burned/]],
    ['all zero', input([0, 0, 0], { burn: burn(0) }), [[0, 65_535]], [/everything goes to uid 0/]],
    ['ourselves', input([1, 1], { ownUid: 1 }), [[0, 65_535]], [/uid 1 is left out/]],
    [
      'ourselves, who are the owner',
      input([1, 0], { ownUid: 1, burn: burn(0.5, 1) }),
      [
        [0, 65_535],
        [1, 65_535],
      ],
      [],
    ],
    [
      'too few, filled up',
      input([0, 7, 0, 0], { limits: limits({ minAllowedWeights: 3 }) }),
      [
        [1, 65_535],
        [0, 1],
        [2, 1],
      ],
      [/2 uids more/],
    ],
    [
      'too few, by best score',
      input([0, 7, 0, 1e-9], { limits: limits({ minAllowedWeights: 2 }) }),
      [
        [1, 65_535],
        [3, 1],
      ],
      [/too small/, /1 uids more/],
    ],
    [
      'no more than there are',
      input([0, 7], { n: 2, limits: limits({ minAllowedWeights: 1024 }) }),
      [
        [1, 65_535],
        [0, 1],
      ],
      [/1 uids more/],
    ],
    [
      'all uids or none: ourselves too, and last',
      input([1, 0, 9], { n: 3, ownUid: 2, limits: limits({ minAllowedWeights: 1024 }) }),
      [
        [0, 65_535],
        [1, 1],
        [2, 1],
      ],
      [/it is this validator itself/, /2 uids more/],
    ],
    [
      'only ourselves, the owner',
      input([0], { ownUid: 0, burn: burn(0), limits: limits({ minAllowedWeights: 8, maxWeightsLimit: 9 }) }),
      [[0, 65_535]],
      [/everything/],
    ],
    [
      'a largest weight',
      input([8, 1, 1], { limits: limits({ maxWeightsLimit: 32_768 }) }),
      [
        [0, 65_535],
        [1, 32_768],
        [2, 32_768],
      ],
      [/lowered/],
    ],
  ])('%s', (_, given, wanted, notes) => {
    const weights = made(given)
    expect(pairs(weights)).toEqual(wanted)
    expect(weights.notes).toEqual(notes.map((note) => expect.stringMatching(note) as string))
  })

  test.each<[string, WeighInput, RegExp]>([
    ['all zero, and nobody to burn by', input([0, 0]), /no miner has a score above zero/],
    ['nobody there', input([]), /no miner/],
    ['only ourselves', input([5], { ownUid: 0 }), /no miner/],
    [
      'fewer than the subnet takes, as some have no score yet',
      input([1, 1], { n: 4, ownUid: 1, limits: limits({ minAllowedWeights: 3 }) }),
      /2 weights are too few, the subnet takes 3/,
    ],
    ['too few for the largest weight', input([1, 1, 0], { limits: limits({ maxWeightsLimit: 20_000 }) }), /No uid may have more than 20000\/65535/],
  ])('nothing: %s', (_, given, why) => {
    expect(weigh(given)).toEqual({ none: expect.stringMatching(why) as string })
  })

  test.each<[string, WeighInput]>([
    ['no number', input([1, Number.NaN])],
    ['without end', input([1, Number.POSITIVE_INFINITY])],
    ['below any', input([1, Number.NEGATIVE_INFINITY])],
    ['our own, no number', input([1, Number.NaN], { ownUid: 1 })],
    ['a uid that is not there', input([1, 1], { n: 1 })],
    [
      'a uid that comes twice',
      input([], {
        shares: [
          { uid: 1, hotkey: 'a', score: 1 },
          { uid: 1, hotkey: 'b', score: 1 },
        ],
      }),
    ],
    ['a burn share above one', input([1], { burn: burn(1.1) })],
    ['a burn share that is no number', input([1], { burn: burn(Number.NaN) })],
  ])('never a silent zero: %s', (_, given) => {
    expect(() => weigh(given)).toThrow(RangeError)
  })

  test('whom the uids are stands beside, and the larger version key', () => {
    const given = input([0, 3, 5], { burn: burn(0.1, 7), limits: limits({ weightsVersionKey: 183n }) })
    expect(made(given)).toMatchObject({ uids: [1, 2, 7], hotkeys: ['miner 1', 'miner 2', OWNER], versionKey: 183n })
    expect(made(input([1], { limits: limits({ weightsVersionKey: 18_446_744_073_709_551_615n }) })).versionKey).toBe(18_446_744_073_709_551_615n)
  })

  test('whatever the scores: what the chain takes, the shares that were meant, and ourselves only as the last that is missing', () => {
    const scores = fc.array(fc.oneof(fc.constant(0), fc.double({ min: -1, max: 1, noNaN: true }), fc.double({ noNaN: true, noDefaultInfinity: true })), {
      maxLength: 64,
    })
    const settings = fc.record({
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      burnUid: fc.option(fc.nat(63)),
      ownUid: fc.nat(63),
      least: fc.nat(80),
      most: fc.integer({ min: 1, max: 65_535 }),
    })
    fc.assert(
      fc.property(scores, settings, fc.boolean(), (given, { share, burnUid, ownUid, least, most }, limited) => {
        const n = 64
        const maxWeightsLimit = limited ? most : 65_535
        const result = weigh(input(given, { n, ownUid, burn: burn(share, burnUid), limits: limits({ minAllowedWeights: least, maxWeightsLimit }) }))
        if ('none' in result) {
          expect(result.none).not.toBe('')
          return
        }
        const { uids, values } = result
        const sum = values.reduce((a, b) => a + b, 0)
        expect(Math.max(...values)).toBe(65_535)
        expect(Math.min(...values)).toBeGreaterThanOrEqual(1)
        expect(new Set(uids).size).toBe(uids.length)
        if (ownUid !== burnUid && uids.includes(ownUid))
          expect([values[uids.indexOf(ownUid)], uids.at(-1), least >= uids.length], 'only where it takes everybody').toEqual([1, ownUid, true])
        const alone = uids.length === 1 && uids[0] === ownUid
        if (!alone) expect(uids.length).toBeGreaterThanOrEqual(Math.min(least, n))
        if (!alone && limited) expect(Math.max(...values) * 65_535).toBeLessThanOrEqual(maxWeightsLimit * sum)
        if (limited || least > 0) return
        const burned = burnUid === null ? 0 : (values[uids.indexOf(burnUid)] ?? 0) / sum
        if (burnUid !== null && given.some((s, uid) => s > 0 && uid !== ownUid)) expect(burned).toBeGreaterThanOrEqual(share - 64 / 65_535)
        const [a = 0, b = 0] = uids.filter((uid) => uid !== burnUid)
        const [x, y] = [given[a] ?? 0, given[b] ?? 0]
        if (a !== b && x > y) expect(values[uids.indexOf(a)]).toBeGreaterThanOrEqual(values[uids.indexOf(b)] ?? 0)
      }),
      { numRuns: 2000 },
    )
  })
})
