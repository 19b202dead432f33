import { describe, expect, test } from 'vitest'
import { decayFactor } from './price.ts'
import { type Candidate, choose } from './prune.ts'

describe('the price', () => {
  test.each([1, 7, 360, 50_400])('halves in %i blocks', (halfLife) => {
    expect((Number(decayFactor(halfLife)) / 2 ** 32) ** halfLife).toBeCloseTo(0.5, 3)
  })
  test('stays without a half-life', () => expect(decayFactor(0)).toBe(1n << 32n))
})

describe('whose uid goes', () => {
  const neuron = (uid: number, emission: number, registeredAt = 0, immune = false): Candidate => ({
    uid,
    emission: BigInt(emission),
    registeredAt: BigInt(registeredAt),
    immune,
  })
  test.each<[string, Candidate[], number, number | null]>([
    ['least emission', [neuron(0, 5), neuron(1, 3), neuron(2, 4)], 1, 1],
    ['of equal emission, the longest there', [neuron(0, 3, 9), neuron(1, 3, 8)], 1, 1],
    ['then the lowest uid', [neuron(3, 3, 8), neuron(1, 3, 8)], 1, 1],
    ['nobody immune while others are enough', [neuron(0, 0, 9, true), neuron(1, 3), neuron(2, 4)], 1, 1],
    ['somebody immune when so few others are left', [neuron(0, 9, 9, true), neuron(1, 3), neuron(2, 4)], 2, 0],
    ['nobody when only few are left and none is immune', [neuron(1, 3)], 1, null],
    ['nobody of none', [], 0, null],
  ])('%s', (_, candidates, minimum, uid) => expect(choose(candidates, minimum)).toBe(uid))
})
