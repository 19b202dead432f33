import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, bytesOf, matrix, SlowGpu, VECTORS } from '../../../test/support/pog.ts'
import { byte1, chainByte, dot, freshColumn } from './chain.ts'
import { gseed, key, prfRow } from './prf.ts'

const sha = (rows: Int8Array[]) =>
  createHash('sha256')
    .update(Buffer.concat(rows.map(bytesOf)))
    .digest('hex')
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
/** What a slow GPU in JavaScript makes in a few seconds. */
const small = VECTORS.chains.filter(({ n }) => n <= 1024)

describe('vectors', () => {
  it.each(VECTORS.chains)('the first entries at n=$n, GPU $gpu', ({ seed, gpu, n, first }) => {
    const own = gseed(Buffer.from(seed, 'hex'), gpu)
    const weights = prfRow(key('W', own), 0, new Int8Array(n))
    const before = matrix('S', own, 8, n)
    expect(before.map((row, i) => chainByte(weights, row, at(before, 0)[freshColumn(0, i, { n })] ?? 0))).toEqual(first)
  })

  it.each(small)('a whole proof at n=$n K=$K w=$w f=$f, GPU $gpu', { timeout: 180_000 }, ({ seed, nonce, gpu, roots, last, swept, swr, clocks, ...sizes }) => {
    const slow = new SlowGpu({ sizes, seed: Buffer.from(seed, 'hex') }, gpu).sweep(Buffer.from(nonce, 'hex'))
    const { transcript } = slow
    expect(hex(transcript.roots)).toBe(roots.join(''))
    expect([hex(transcript.swr), hex(transcript.tip), hex(transcript.swp)]).toEqual([swr, ...clocks])
    expect([sha(at(slow.states, sizes.K)), sha(at(slow.u, sizes.Q))]).toEqual([last, swept])
  })
})

describe('arithmetic', () => {
  it('byte 1 is bits 8 to 15 as a signed byte', () => {
    fc.assert(fc.property(fc.integer(), (c) => byte1(c) === Buffer.from(Int32Array.of(c).buffer).readInt8(1)))
  })

  it('products are those of the integers, up to the largest there are', () => {
    const entry = fc.oneof(fc.integer({ min: -128, max: 127 }), fc.constantFrom(-128, 127))
    fc.assert(
      fc.property(fc.array(fc.tuple(entry, entry), { minLength: 1, maxLength: 64 }), (pairs) => {
        const padded = [...pairs, ...Array.from({ length: (4 - (pairs.length % 4)) % 4 }, (): [number, number] => [0, 0])]
        const sum = pairs.reduce((all, [a, b]) => all + a * b, 0)
        expect(
          dot(
            Int8Array.from(padded, ([a]) => a),
            Int8Array.from(padded, ([, b]) => b),
          ),
        ).toBe(sum)
      }),
    )
    const worst = new Int8Array(32_768).fill(-128)
    expect(dot(worst, worst)).toBe(2 ** 29)
  })
})
