import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { allocationId, bootId, installId, keyId, makeId, traceId } from './ids.ts'

const time = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const random = fc.uint8Array({ minLength: 10, maxLength: 16 })

it('makes ids that their own patterns take', () => {
  fc.assert(
    fc.property(time, random, (now, bytes) => {
      for (const [prefix, pattern] of Object.entries({ al: allocationId, in: installId, bo: bootId, ck: keyId })) {
        expect(pattern.safeParse(makeId(prefix, now, bytes)).success).toBe(true)
        expect(pattern.safeParse(makeId('xx', now, bytes)).success).toBe(false)
      }
    }),
  )
})

it('sorts ids by time, whatever their random part', () => {
  fc.assert(
    fc.property(time, time, random, random, (a, b, r, s) => {
      fc.pre(a !== b)
      expect(makeId('al', a, r) < makeId('al', b, s)).toBe(a < b)
    }),
  )
})

it('tells ids of one millisecond apart', () => {
  fc.assert(
    fc.property(time, random, random, (now, r, s) => {
      fc.pre(Buffer.compare(r.subarray(0, 10), s.subarray(0, 10)) !== 0)
      expect(makeId('al', now, r)).not.toBe(makeId('al', now, s))
    }),
  )
})

it('refuses too little randomness: two ids could be one', () => {
  expect(() => makeId('al', 1, new Uint8Array(9))).toThrow(RangeError)
})

it.each([
  ['al_01k00000000000000000000000', true],
  ['al_01K00000000000000000000000', false],
  ['al_01k0000000000000000000000i', false],
  ['al_01k000000000000000000000000', false],
  ['in_01k00000000000000000000000', false],
  ['al_01k00000000000000000000000\n', false],
  ["al_01k0000000000000000000000'", false],
])('%j is an allocation id: %s', (id, good) => {
  expect(allocationId.safeParse(id).success).toBe(good)
})

it.each([
  ['4bf92f3577b34da6a3ce929d0e0e4736', true],
  ['00000000000000000000000000000000', false],
  ['4BF92F3577B34DA6A3CE929D0E0E4736', false],
  ['4bf92f3577b34da6a3ce929d0e0e473', false],
])('%j is a trace id: %s', (id, good) => {
  expect(traceId.safeParse(id).success).toBe(good)
})
