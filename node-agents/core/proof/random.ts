import { randomBytes, randomInt } from 'node:crypto'

/** Where the secrets of a verifier come from. A port, so that a test can know them beforehand: nobody else may. */
export type Random = {
  /** So many bytes. */
  bytes(length: number): Uint8Array
  /** A uniform integer 0 … limit-1, limit at most 2^48. */
  below(limit: number): number
}

/** The system's cryptographic source. */
export const cryptoRandom: Random = { bytes: (length) => randomBytes(length), below: (limit) => randomInt(limit) }
