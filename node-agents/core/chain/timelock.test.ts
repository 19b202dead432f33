import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import * as fc from 'fast-check'
import * as wasm from '@ideallabs/timelock_wasm_wrapper'
import { beforeAll, describe, expect, it } from 'vitest'
import { QUICKNET, roundAt, timeOf } from './drand.ts'
import { encrypt } from './timelock.ts'

/** The wasm build of the crate that the chain itself decrypts with shares no line with ours; the pulse is one the beacon published. */
const ROUND = 1000
const CURVE = 'bls12_381'
const PULSE = Buffer.from('b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39', 'hex')

beforeAll(() => {
  wasm.initSync({ module: readFileSync(new URL('timelock_wasm_wrapper_bg.wasm', import.meta.resolve('@ideallabs/timelock_wasm_wrapper'))) })
})

function theirs(commit: Uint8Array, signature: Uint8Array = PULSE): Buffer {
  return Buffer.from(wasm.tld(commit, signature, CURVE) as number[])
}

function messageOf(round: number): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(round))
  return createHash('sha256').update(bytes).digest()
}

describe('the beacon', () => {
  it('published the pulse used here: its public key verifies the signature of round 1000, and of no other', () => {
    const { shortSignatures } = bls12_381
    const DST = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
    const verify = (round: number) => shortSignatures.verify(PULSE, shortSignatures.hash(messageOf(round), DST), Buffer.from(QUICKNET.publicKey, 'hex'))
    expect(verify(ROUND)).toBe(true)
    expect(verify(ROUND + 1)).toBe(false)
  })

  it.each([
    [1_692_803_366_999, 0],
    [1_692_803_367_000, 1],
    [1_692_803_369_999, 1],
    [1_692_803_370_000, 2],
    [1_692_806_364_000, 1000],
    [0, 0],
  ])('at %i the newest round is %i', (ms, round) => expect(roundAt(ms)).toBe(round))

  it('publishes a round at the time that is its first', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), (round) => {
        expect([roundAt(timeOf(round) - 1), roundAt(timeOf(round))]).toEqual([round - 1, round])
      }),
    )
  })
})

describe('timelocked encryption', () => {
  it.each([0, 1, 15, 16, 1_064, 4_756])('is opened by the crate with the pulse of its round: %i bytes', (length) => {
    const payload = new Uint8Array(length).map((_, i) => i * 7)
    const commit = encrypt(payload, ROUND)
    expect(commit.length).toBe(length + 244)
    expect(theirs(commit)).toEqual(Buffer.from(payload))
  })

  it('of any payload is opened', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
        expect(theirs(encrypt(payload, ROUND))).toEqual(Buffer.from(payload))
      }),
      { numRuns: 10 },
    )
  })

  it('has the layout that the crate writes itself', () => {
    const key = Buffer.from(QUICKNET.publicKey, 'hex')
    const made = Buffer.from(wasm.tle(messageOf(ROUND), new Uint8Array(100), new Uint8Array(32).fill(5), key, CURVE) as number[])
    const ours = encrypt(new Uint8Array(100), ROUND)
    expect(theirs(made)).toEqual(Buffer.alloc(100))
    expect(made.length).toBe(ours.length)
    for (const [from, to] of [
      [96, 104],
      [136, 144],
      [176, 192],
      [308, 316],
      [328, 344],
    ])
      expect(Buffer.from(ours.subarray(from, to))).toEqual(made.subarray(from, to))
  })

  it('is never the same twice', () => {
    const payload = new Uint8Array(8)
    expect(encrypt(payload, ROUND)).not.toEqual(encrypt(payload, ROUND))
  })

  it('stays shut for the pulse of another round, and for a signature that is none', () => {
    expect(() => theirs(encrypt(new Uint8Array(40), ROUND + 1))).toThrow()
    const other = bls12_381.G1.Point.BASE.multiply(5n).toBytes()
    expect(() => theirs(encrypt(new Uint8Array(40), ROUND), other)).toThrow()
  })

  it('stays shut when any part of it was changed', () => {
    const commit = encrypt(new Uint8Array(40), ROUND)
    // One byte of each: V, W, text, tag, nonce.
    for (const at of [110, 150, 200, 245, 260]) {
      const changed = Uint8Array.from(commit, (byte, i) => (i === at ? byte ^ 1 : byte))
      expect(() => theirs(changed)).toThrow()
    }
  })

  it('refuses what the chain would not take', () => {
    expect(() => encrypt(new Uint8Array(4_757), ROUND)).toThrow(expect.objectContaining({ code: 'CommitTooLong', message: expect.stringMatching(/fewer/) }))
    for (const round of [0, -1, 1.5, NaN, 2 ** 53]) expect(() => encrypt(new Uint8Array(1), round)).toThrow(RangeError)
  })
})
