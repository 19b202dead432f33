import { createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { type Beacon, QUICKNET } from './drand.ts'
import type { Pulse } from './types.ts'

const { G1, shortSignatures } = bls12_381
/** Of scheme bls-unchained-g1-rfc9380, which drand's quicknet has. */
const DST = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
/** Bytes of a signature: a compressed point. */
const SIGNATURE = 48

/** What the beacon signs in a round: the hash of its number, big-endian in eight bytes. */
function messageOf(round: number): Uint8Array {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(round))
  return createHash('sha256').update(number).digest()
}

/** The point of the group these bytes are; null: they are none. Each has one way to write it. */
function pointOf(signature: Uint8Array) {
  try {
    return G1.Point.fromBytes(signature)
  } catch {
    return null
  }
}

/**
 * Is this what the beacon published in this round: signed with its key, and its randomness the SHA-256 of the signature? Anything
 * else, also what is no signature at all, is false. Takes some 30 ms of a core.
 */
export function verifyPulse({ round, randomness, signature }: Pulse, { publicKey }: Pick<Beacon, 'publicKey'> = QUICKNET): boolean {
  if (!Number.isSafeInteger(round) || round < 1) return false
  const bytes = Buffer.from(signature, 'hex')
  if (bytes.length !== SIGNATURE || bytes.toString('hex') !== signature) return false
  if (createHash('sha256').update(bytes).digest('hex') !== randomness) return false
  const point = pointOf(bytes)
  return point !== null && shortSignatures.verify(point, shortSignatures.hash(messageOf(round), DST), Buffer.from(publicKey, 'hex'))
}
