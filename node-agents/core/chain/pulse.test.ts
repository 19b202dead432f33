import { createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { describe, expect, it } from 'vitest'
import { Beacon } from '../../../local/chain/drand/beacon.ts'
import { verifyPulse } from './pulse.ts'
import type { Pulse } from './types.ts'

const hashOf = (signature: string) => createHash('sha256').update(Buffer.from(signature, 'hex')).digest('hex')
/** With the randomness that belongs to the signature, so that it is the signature which is looked at. */
const signed = (round: number, signature: string): Pulse => ({ round, signature, randomness: hashOf(signature) })
const flipped = (hex: string, bit: number) => {
  const bytes = Buffer.from(hex, 'hex')
  bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return bytes.toString('hex')
}

/** Round 1000 as drand's quicknet published it. */
const SIGNATURE = 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39'
const RANDOMNESS = 'fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd'
const PULSE: Pulse = { round: 1000, signature: SIGNATURE, randomness: RANDOMNESS }

describe('a pulse', () => {
  it('that the beacon published is one', () => {
    expect(verifyPulse(PULSE)).toBe(true)
  })

  it('is of its own round only', () => {
    for (const round of [999, 1001, 0, -1000, 1000.5, Number.NaN, 2 ** 53]) expect(verifyPulse({ ...PULSE, round })).toBe(false)
  })

  it.each([0, 5, 6, 7, 8, 100, 255, 383])('is none with bit %i of the signature changed', (bit) => {
    expect(verifyPulse(signed(1000, flipped(SIGNATURE, bit)))).toBe(false)
  })

  it('has the randomness that is the hash of its signature, and no other', () => {
    for (let bit = 0; bit < 256; bit++) expect(verifyPulse({ ...PULSE, randomness: flipped(RANDOMNESS, bit) })).toBe(false)
    expect(verifyPulse({ ...PULSE, randomness: RANDOMNESS.toUpperCase() })).toBe(false)
    expect(verifyPulse({ ...PULSE, randomness: '' })).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['no hex', 'z'.repeat(96)],
    ['a byte less', SIGNATURE.slice(2)],
    ['a byte more', `${SIGNATURE}00`],
    ['another case', SIGNATURE.toUpperCase()],
    ['the point at infinity', `c0${'00'.repeat(47)}`],
    ['a point of the curve that is not of the group', outsider()],
    ['a key instead of a signature', 'ab'.repeat(96)],
  ])('is none with a signature that is %s', (_, signature) => {
    expect(verifyPulse(signed(1000, signature))).toBe(false)
  })

  it('has one signature, written in one way: another would make other randomness of it', () => {
    const beacon = new Beacon()
    const { usual, other } = renamed(beacon)
    expect(other.randomness).not.toBe(usual.randomness)
    expect([verifyPulse(usual, beacon.info), verifyPulse(other, beacon.info)]).toEqual([true, false])
  })

  it('is none of another beacon, and one of the development chain is one of that', () => {
    const beacon = new Beacon()
    const { signature, randomness } = beacon.pulse(77n)
    const pulse = { round: 77, signature: signature.slice(2), randomness: randomness.slice(2) }
    expect(verifyPulse(pulse, beacon.info)).toBe(true)
    expect(verifyPulse(pulse)).toBe(false)
    expect(verifyPulse(PULSE, beacon.info)).toBe(false)
  })
})

/** The same pulse with the same signature written in another way, where there is room for one: with a number above the prime. */
function renamed(beacon: Beacon): { usual: Pulse; other: Pulse } {
  const room = 1n << 381n
  const { ORDER } = bls12_381.fields.Fp
  for (let round = 1; ; round++) {
    const signature = beacon.pulse(BigInt(round)).signature.slice(2)
    const [flags, x] = [BigInt(`0x${signature}`) & ~(room - 1n), BigInt(`0x${signature}`) & (room - 1n)]
    if (x + ORDER < room) return { usual: signed(round, signature), other: signed(round, (flags | (x + ORDER)).toString(16)) }
  }
}

/** The curve is larger than the group that signatures are of. */
function outsider(): string {
  for (let x = 1; ; x++) {
    const bytes = Buffer.alloc(48)
    bytes.writeUInt8(0x80, 0)
    bytes.writeUInt8(x, 47)
    const point = onCurve(bytes)
    if (point && !point.isTorsionFree()) return bytes.toString('hex')
  }
}

function onCurve(bytes: Uint8Array) {
  const { Fp } = bls12_381.fields
  const x = Fp.create(BigInt(`0x${Buffer.from(bytes).toString('hex').replace(/^80/, '00')}`))
  try {
    const y = Fp.sqrt(Fp.add(Fp.pow(x, 3n), Fp.create(4n)))
    return bls12_381.G1.Point.fromAffine({ x, y })
  } catch {
    return null
  }
}
