import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digest, fixedRandom, matrix } from '../../../test/support/pog.ts'
import { P, reduce } from './field.ts'
import { Freivalds } from './freivalds.ts'
import type { Random } from './random.ts'

const seed = Buffer.alloc(32, 7)
const int8 = (length: number) => fc.array(fc.oneof(fc.integer({ min: -128, max: 127 }), fc.constantFrom(-128, 127)), { minLength: length, maxLength: length })
const int32 = fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0))
/** A source whose every draw is the same number. */
const always = (element: number): Random => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(element * 2)
  return { bytes: () => bytes, below: () => 0 }
}
const modulo = (x: bigint) => Number(((x % BigInt(P)) + BigInt(P)) % BigInt(P))

describe('the private check of digests', () => {
  it.each([
    [32, 4],
    [64, 16],
    [256, 64],
    [256, 65],
  ])('takes every right digest, n=%i w=%i', (n, w) => {
    const freivalds = new Freivalds(seed, { n, w }, fixedRandom(n + w))
    const x = matrix('X', seed, w, n)
    fc.assert(
      fc.property(int8(n), (entries) => {
        const row = Int8Array.from(entries)
        expect(freivalds.ofRow(row)).toBe(freivalds.ofDigest(digest(row, x)))
        const half = row.subarray(0, n / 2)
        expect(freivalds.ofRow(half)).toBe(freivalds.ofDigest(digest(half, x)))
      }),
      { numRuns: 200 },
    )
  })

  it('takes no digest with one bit changed, nor the row', () => {
    const [n, w] = [64, 16]
    const x = matrix('X', seed, w, n)
    fc.assert(
      fc.property(int8(n), fc.nat(), fc.boolean(), fc.nat(), (entries, bit, ofRow, secret) => {
        const freivalds = new Freivalds(seed, { n, w }, fixedRandom(secret))
        const row = Int8Array.from(entries)
        const right = digest(row, x)
        const target = ofRow ? Buffer.from(row.buffer) : right
        const at = bit % (target.length * 8)
        target.writeUInt8(target.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
        expect(freivalds.ofRow(row)).not.toBe(freivalds.ofDigest(right))
      }),
      { numRuns: 1000 },
    )
  })

  it('is exact at the largest sizes with the largest numbers', () => {
    const [n, w] = [32_768, 1024]
    const freivalds = new Freivalds(seed, { n, w }, always(P - 1))
    // Every secret number is p-1, that is -1: x is minus the sum of the rows of X.
    const sums = Array.from({ length: n }, () => 0)
    for (const row of matrix('X', seed, w, n)) for (const [c, entry] of row.entries()) sums[c] = (sums[c] ?? 0) - entry
    for (const entry of [-128, 127]) {
      const exact = sums.reduce((all, sum) => all + BigInt(reduce(sum)) * BigInt(entry), 0n)
      expect(freivalds.ofRow(new Int8Array(n).fill(entry))).toBe(modulo(exact))
    }
  })

  it('is exact for whatever numbers are sent as a digest', () => {
    const w = 130
    fc.assert(
      fc.property(fc.array(int32, { minLength: w, maxLength: w }), fc.constantFrom(0, 1, 65_535, 65_536, P - 1), (numbers, element) => {
        const freivalds = new Freivalds(seed, { n: 256, w }, always(element))
        const exact = numbers.reduce((all, number) => all + BigInt(number) * BigInt(element), 0n)
        // From an odd place, as numbers stand in what comes.
        const unaligned = Buffer.concat([Buffer.alloc(1), Buffer.from(Int32Array.from(numbers).buffer)]).subarray(1)
        expect(freivalds.ofDigest(unaligned)).toBe(modulo(exact))
      }),
    )
  })

  it.each([2 ** 31 - 1, -(2 ** 31) + 1])('is exact for 1024 times %i', (number) => {
    const w = 1024
    for (const element of [P - 1, P - 2]) {
      const freivalds = new Freivalds(seed, { n: 1024, w }, always(element))
      const digest = Buffer.from(new Int32Array(w).fill(number).buffer)
      expect(freivalds.ofDigest(digest)).toBe(modulo(BigInt(w) * BigInt(number) * BigInt(element)))
    }
  })

  it('draws again what is no element of the field', () => {
    const draws = [2 ** 32 - 1, 2 ** 32 - 2, 6, 8]
    const bytes = () => Buffer.from(Uint32Array.of(draws.shift() ?? 0).buffer)
    const freivalds = new Freivalds(seed, { n: 32, w: 2 }, { bytes, below: () => 0 })
    expect(draws).toEqual([])
    expect(freivalds.ofDigest(Buffer.from(Int32Array.of(10, 100).buffer))).toBe(3 * 10 + 4 * 100)
  })

  it('refuses sizes at which it would not be exact', () => {
    expect(() => new Freivalds(seed, { n: 65_536, w: 4 }, fixedRandom(0))).toThrow(RangeError)
    expect(() => new Freivalds(seed, { n: 32_768, w: 1025 }, fixedRandom(0))).toThrow(RangeError)
    expect(() => new Freivalds(seed, { n: 32, w: 4 }, fixedRandom(0)).ofRow(new Int8Array(64))).toThrow(RangeError)
  })
})
