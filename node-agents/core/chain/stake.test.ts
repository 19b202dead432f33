import { describe, expect, it } from 'vitest'
import { inherited, totalStake } from './stake.ts'

const ALL = 2n ** 64n - 1n
const HALF = ALL / 2n
const TAO = 1_000_000_000n

describe('stake', () => {
  it.each([
    ['its own', inherited(5n * TAO, [], []), 5n * TAO],
    ['nothing left after all went to a child', inherited(5n * TAO, [ALL], []), 0n],
    ['half to a child, less what rounding takes', inherited(4n * TAO, [HALF], []), 2n * TAO],
    ['from a parent', inherited(1n * TAO, [], [{ stake: 8n * TAO, proportion: ALL }]), 9n * TAO],
    ['both ways', inherited(2n * TAO, [ALL], [{ stake: 3n * TAO, proportion: ALL }]), 3n * TAO],
    ['children cannot take more than there is', inherited(1n * TAO, [ALL, ALL], [{ stake: TAO, proportion: ALL }]), TAO],
    ['more than 2^53', inherited(2n ** 60n + 1n, [], []), 2n ** 60n + 1n],
  ])('%s', (_, got, wanted) => {
    const off = got - wanted
    expect(off >= -1n && off <= 1n).toBe(true)
  })

  it('is alpha with root TAO at its weight', () => {
    expect(totalStake(7n, 5n * TAO, 0n)).toBe(7n)
    expect(totalStake(7n, 5n * TAO, ALL)).toBe(7n + 5n * TAO)
    // 0.18 of 2^64: the weight most subnets ran with.
    expect(totalStake(1000n * TAO, 1000n * TAO, 3_320_413_933_267_719_290n) / TAO).toBe(1179n)
  })

  it('rounds as the fixed-point numbers of the runtime', () => {
    // A third of 2^64 − 1 has 32 fraction bits: 0x55555555 / 2^32.
    expect(inherited(3n * TAO, [], [{ stake: 3n * TAO, proportion: ALL / 3n }])).toBe(3n * TAO + ((3n * TAO * 0x5555_5555n) >> 32n))
  })
})
