import { createDecipheriv, createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'

/**
 * Opens what was sealed to a drand round, with that round's signature: Boneh–Franklin identity-based encryption over BLS12-381 (signatures
 * in G1, keys in G2), then AES-256-GCM. Written from the scheme's description, apart from the code that seals, so that each tests the other.
 *
 *   key       U 96 bytes · V and W, 32 bytes each behind a u64 length
 *   body      length · (length · ciphertext and 16 bytes of tag, length · 12 bytes of nonce)
 *   suite     length · "AES_GCM_"
 * Lengths are u64, little-endian.
 */
const U_BYTES = 96
const BLOCK = 32
const TAG = 16
const SUITE = 'AES_GCM_'

/** The plain bytes, or null for bytes that are no such ciphertext, or were sealed to another round or key. */
export function decrypt(sealed: Uint8Array, signature: Uint8Array): Uint8Array | null {
  const parts = parse(sealed)
  if (!parts) return null
  const secret = openKey(parts, signature)
  return secret && openBody(parts, secret)
}

type Sealed = { u: Uint8Array; v: Uint8Array; w: Uint8Array; ciphertext: Uint8Array; nonce: Uint8Array }

function parse(bytes: Uint8Array): Sealed | null {
  const [u, afterU] = cut(bytes, U_BYTES)
  const [v, afterV] = counted(afterU)
  const [w, afterW] = counted(afterV)
  const [body, afterBody] = counted(afterW)
  const [suite] = counted(afterBody)
  const [ciphertext, afterCiphertext] = counted(body)
  const [nonce] = counted(afterCiphertext)
  if (!u || v?.length !== BLOCK || w?.length !== BLOCK || !ciphertext || ciphertext.length < TAG || nonce?.length !== 12) return null
  return suite && Buffer.from(suite).toString() === SUITE ? { u, v, w, ciphertext, nonce } : null
}

type Cut = [part: Uint8Array | null, rest: Uint8Array | null]

function cut(bytes: Uint8Array | null, length: number): Cut {
  return bytes && bytes.length >= length ? [bytes.subarray(0, length), bytes.subarray(length)] : [null, null]
}

function counted(bytes: Uint8Array | null): Cut {
  const [head, rest] = cut(bytes, 8)
  return head ? cut(rest, Number(Buffer.from(head).readBigUInt64LE())) : [null, null]
}

/** The key of the body, when U was made from it: that proves that the round and the key are the right ones. */
function openKey({ u, v, w }: Sealed, signature: Uint8Array): Uint8Array | null {
  try {
    const point = bls12_381.G2.Point.fromBytes(u)
    const shared = bls12_381.pairing(bls12_381.G1.Point.fromBytes(signature), point)
    const sigma = xor(v, sha256(littleEndian(shared)))
    const secret = xor(w, sha256(sigma))
    const { Fr } = bls12_381.fields
    const r = Fr.create(BigInt(`0x${Buffer.from(sha256(sigma, secret)).toString('hex')}`))
    return bls12_381.G2.Point.BASE.multiply(r).equals(point) ? secret : null
  } catch (error) {
    // The library says by an Error that bytes are no point of the curve.
    if (error instanceof Error) return null
    throw error
  }
}

function openBody({ ciphertext, nonce }: Sealed, secret: Uint8Array): Uint8Array | null {
  const open = createDecipheriv('aes-256-gcm', secret, nonce)
  open.setAuthTag(ciphertext.subarray(-TAG))
  try {
    return new Uint8Array(Buffer.concat([open.update(ciphertext.subarray(0, -TAG)), open.final()]))
  } catch (error) {
    if (error instanceof Error) return null
    throw error
  }
}

/** 576 bytes: twelve base field elements in the order of the tower, each with its lowest byte first. */
function littleEndian({ c0, c1 }: { c0: Six; c1: Six }): Uint8Array {
  const elements = [c0, c1].flatMap((six) => [six.c0, six.c1, six.c2]).flatMap(({ c0: real, c1: imaginary }) => [real, imaginary])
  return new Uint8Array(elements.flatMap((element) => [...Buffer.from(element.toString(16).padStart(96, '0'), 'hex')].toReversed()))
}
type Two = { c0: bigint; c1: bigint }
type Six = { c0: Two; c1: Two; c2: Two }

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] ?? 0))
}
