import { describe, expect, test } from 'vitest'
import { consensus, permits, type Row } from './consensus.ts'

describe('shares', () => {
  const of = (stake: number[], rows: [number, Row][]) => consensus(stake, new Map(rows), 0.5)

  test('follow the stake behind the weights where all agree', () => {
    const { incentive, dividends } = of(
      [0.6, 0.4, 0, 0],
      [
        [
          0,
          [
            [2, 1],
            [3, 3],
          ],
        ],
        [
          1,
          [
            [2, 1],
            [3, 3],
          ],
        ],
      ],
    )
    expect(incentive).toEqual([0, 0, 0.25, 0.75])
    expect(dividends.map((share) => Number(share.toFixed(6)))).toEqual([0.6, 0.4, 0, 0])
  })

  test('a minority cannot lift a miner above what the majority gives', () => {
    const {
      incentive,
      consensus: agreed,
      validatorTrust,
    } = of(
      [0.7, 0.3, 0, 0],
      [
        [0, [[2, 1]]],
        [1, [[3, 1]]],
      ],
    )
    expect(agreed).toEqual([0, 0, 1, 0])
    expect(incentive).toEqual([0, 0, 1, 0])
    expect(validatorTrust).toEqual([1, 0, 0, 0])
  })

  test('are all zero while nobody weighs', () => {
    expect(of([1, 0], [])).toEqual({ incentive: [0, 0], consensus: [0, 0], validatorTrust: [0, 0], dividends: [0, 0] })
  })
})

test.each<[bigint[], number, boolean[]]>([
  [[5n, 0n, 7n, 6n], 2, [false, false, true, true]],
  [[5n, 5n, 5n], 2, [false, true, true]],
  [[5n, 0n], 8, [true, false]],
  [[], 2, []],
])('of stakes %o the best %i may validate', (stake, most, expected) => expect(permits(stake, most)).toEqual(expected))
