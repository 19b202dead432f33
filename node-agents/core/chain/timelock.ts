import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { type Beacon, QUICKNET } from './drand.ts'
import { ChainError } from './errors.ts'

/**
 * Timelocked encryption as the chain's pallet opens it (its crate `tle`): identity-based encryption by Boneh and Franklin ("FullIdent")
 * over BLS12-381, where the identity is a round of the beacon and the beacon's signature of that round is the key. The payload itself
 * goes by AES-256-GCM under a random key. Sizes and byte orders are those of the crate's arkworks serialization.
 */

const { G1, G2, fields } = bls12_381
const DST = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
const SUITE = Buffer.from('AES_GCM_')
/** The runtime takes no longer commit: `BoundedVec<u8, 5000>` of commit_timelocked_weights. */
const MAX_COMMIT = 5_000
/** What encryption adds: 96 (U) + 2 × 40 (V, W) + 8 (length of the body) + 8 + 16 (tag) + 20 (nonce) + 16 (suite). */
const OVERHEAD = 244

/**
 * The generator as a plain point. On the library's own the first use makes a table, which holds the event loop for 150 ms and then
 * saves 6 ms each: too little for what happens once in an epoch.
 */
const GENERATOR = G2.Point.fromAffine(G2.Point.BASE.toAffine())

function sha256(...parts: Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)))
}

function u64(value: number | bigint, endian: 'big' | 'little'): Buffer {
  const bytes = Buffer.alloc(8)
  if (endian === 'big') bytes.writeBigUInt64BE(BigInt(value))
  else bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

/** Bytes with their length before them. */
function framed(...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([u64(body.length, 'little'), body])
}

/** The twelve coordinates in the library's order, each turned from big to little endian. */
function littleEndian(element: Parameters<typeof fields.Fp12.toBytes>[0]): Uint8Array {
  const bytes = fields.Fp12.toBytes(element)
  for (let at = 0; at < bytes.length; at += fields.Fp.BYTES) bytes.subarray(at, at + fields.Fp.BYTES).reverse()
  return bytes
}

/** AES-256-GCM: the text with its tag, and its nonce. */
function seal(key: Uint8Array, payload: Uint8Array): Buffer {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const text = Buffer.concat([cipher.update(payload), cipher.final()])
  return framed(framed(text, cipher.getAuthTag()), framed(nonce))
}

/**
 * Encrypts so that the beacon's signature of `round` opens it, and nothing before. About 30 ms of CPU.
 * @returns the bytes of `commit` in commit_timelocked_weights: 244 more than the payload
 * @throws ChainError where the chain would not take so many bytes
 */
export function encrypt(payload: Uint8Array, round: number, { publicKey }: Pick<Beacon, 'publicKey'> = QUICKNET): Uint8Array {
  if (!Number.isSafeInteger(round) || round < 1) throw new RangeError(`there is no round ${round}`)
  if (payload.length > MAX_COMMIT - OVERHEAD)
    throw new ChainError(
      'CommitTooLong',
      'request',
      `${payload.length} bytes are too long to commit, the chain takes ${MAX_COMMIT - OVERHEAD}: give weight to fewer miners`,
      false,
    )
  const key = randomBytes(32)
  const sigma = sha256(randomBytes(32))
  const r = fields.Fr.create(BigInt(`0x${sha256(sigma, key).toString('hex')}`))
  const identity = G1.Point.fromAffine(G1.hashToCurve(sha256(u64(round, 'big')), { DST }).toAffine())
  // e(Q, pk)^r = e(rQ, pk): multiplying a point on G1 is five times cheaper than a power of the pairing.
  const shared = littleEndian(bls12_381.pairing(identity.multiply(r), G2.Point.fromHex(publicKey)))
  const u = GENERATOR.multiply(r).toBytes()
  const v = xor(sigma, sha256(shared))
  const w = xor(key, sha256(sigma))
  return Buffer.concat([u, framed(v), framed(w), seal(key, payload), framed(SUITE)])
}
