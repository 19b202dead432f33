import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as wasm from '@ideallabs/timelock_wasm_wrapper'
import { beforeAll, describe, expect, test } from 'vitest'
import { Beacon } from './beacon.ts'
import { decrypt } from './decrypt.ts'

/** Sealed by the wasm build of the chain's own crate; signed by drand itself, and by the development beacon. */
const QUICKNET =
  '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a'
const ROUND_1000 = 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39'
const TEXT = new TextEncoder().encode('weights of the subnet')

const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/^0x/, ''), 'hex'))

function seal(round: number, publicKey: string): Uint8Array {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(round))
  const identity = createHash('sha256').update(number).digest()
  return Uint8Array.from(wasm.tle(identity, TEXT, new Uint8Array(32).fill(7), hex(publicKey), 'bls12_381') as number[])
}

beforeAll(() => {
  wasm.initSync({ module: readFileSync(new URL('timelock_wasm_wrapper_bg.wasm', import.meta.resolve('@ideallabs/timelock_wasm_wrapper'))) })
})

describe('what is sealed to a round', () => {
  test("opens with drand's own signature of that round", () => {
    expect(decrypt(seal(1000, QUICKNET), hex(ROUND_1000))).toEqual(TEXT)
  })

  test("opens with the development beacon's pulse, and with no other", () => {
    const beacon = new Beacon()
    const sealed = seal(77, beacon.info.publicKey)
    expect(decrypt(sealed, hex(beacon.pulse(77n).signature))).toEqual(TEXT)
    expect(decrypt(sealed, hex(beacon.pulse(78n).signature))).toBeNull()
    expect(decrypt(sealed, hex(ROUND_1000))).toBeNull()
  })

  test('does not open when a byte of any part is another, or missing', () => {
    const sealed = seal(1000, QUICKNET)
    for (const at of [0, 50, 95, 96, 110, 140, 150, 190, 200, 215, sealed.length - 30, sealed.length - 1]) {
      expect(decrypt(sealed.with(at, (sealed[at] ?? 0) ^ 1), hex(ROUND_1000)), `byte ${at}`).toBeNull()
    }
    for (const length of [0, 95, 96, 103, 150, sealed.length - 1]) expect(decrypt(sealed.subarray(0, length), hex(ROUND_1000))).toBeNull()
    expect(decrypt(sealed, new Uint8Array(48))).toBeNull()
  })
})

test.each([
  [1_692_803_366_999, 0n],
  [1_692_803_367_000, 1n],
  [1_692_803_370_000, 2n],
  [1_692_806_364_000, 1000n],
])('at %i the latest round is %i', (ms, round) => expect(new Beacon().roundAt(ms)).toBe(round))
