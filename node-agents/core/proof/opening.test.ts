import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fixedRandom, SlowGpu } from '../../../test/support/pog.ts'
import { Malformed } from './fault.ts'
import { Freivalds } from './freivalds.ts'
import { brokenRow, isLane, parseLaneOpening, parseRowOpening } from './opening.ts'
import { laneOpeningBytes, rowOpeningBytes, type Sizes } from './sizes.ts'
import { rootOf } from './transcript.ts'

const SIZES: Sizes = { n: 64, K: 2, w: 4, f: 4, lanes: 8, r: 1, Q: 3 }
const seed = Buffer.alloc(32, 1)
const slow = new SlowGpu({ sizes: SIZES, seed }, 0).sweep(Buffer.alloc(32, 2))
const freivalds = new Freivalds(seed, SIZES, fixedRandom(5))
const broken = (bytes: Uint8Array, t: number, i: number) => brokenRow(parseRowOpening(bytes, SIZES), i, rootOf(slow.transcript, t), SIZES, freivalds)
const lane = (bytes: Uint8Array, q: number, l: number) => isLane(parseLaneOpening(bytes, SIZES), q, l, slow.transcript.swr, SIZES)
const flipped = (bytes: Buffer, bit: number) => {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return copy
}

describe('openings', () => {
  it('every row of every state and of U holds at its place, and at no other', () => {
    for (const t of [1, 2])
      for (let i = 0; i < SIZES.n; i++) {
        expect(broken(slow.openRow(t, i), t, i)).toBeNull()
        expect(broken(slow.openRow(t, i), 3 - t, i)).toBe('path')
        expect(broken(slow.openRow(t, i), t, i ^ 1)).toBe('row')
        expect(broken(slow.openRow(t, i), t, (i + SIZES.f) % SIZES.n)).toBe('path')
      }
    for (let q = 0; q <= SIZES.Q; q++)
      for (let l = 0; l < SIZES.lanes; l++) {
        expect(lane(slow.openLane(q, l), q, l)).toBe(true)
        expect(lane(slow.openLane(q, l), q, l ^ 1)).toBe(false)
      }
  })

  it('none with one bit changed, and it is known what was touched', () => {
    const { n, w, f } = SIZES
    const pathAt = n + 4 * w * (f + 1)
    fc.assert(
      fc.property(fc.nat(1), fc.nat(n - 1), fc.nat(8 * rowOpeningBytes(SIZES) - 1), (state, i, bit) => {
        const byte = bit >> 3
        const own = n + 4 * w * (i % f)
        const touched = byte < n || (byte >= own && byte < own + 4 * w) ? 'row' : byte < pathAt ? 'group' : 'path'
        expect(broken(flipped(slow.openRow(state + 1, i), bit), state + 1, i)).toBe(touched)
      }),
      { numRuns: 5000 },
    )
    fc.assert(
      fc.property(fc.nat(SIZES.Q), fc.nat(7), fc.nat(8 * laneOpeningBytes(SIZES) - 1), (q, l, bit) => !lane(flipped(slow.openLane(q, l), bit), q, l)),
      { numRuns: 5000 },
    )
  })

  it('of any other length is malformed', () => {
    const [row, ofLane] = [slow.openRow(1, 0), slow.openLane(0, 0)]
    for (const wrong of [Buffer.alloc(0), row.subarray(1), row.subarray(0, -32), Buffer.concat([row, Buffer.alloc(32)]), ofLane])
      expect(() => parseRowOpening(wrong, SIZES)).toThrow(Malformed)
    for (const wrong of [Buffer.alloc(0), ofLane.subarray(0, -32), Buffer.concat([ofLane, Buffer.alloc(32)]), row])
      expect(() => parseLaneOpening(wrong, SIZES)).toThrow(Malformed)
  })
})
