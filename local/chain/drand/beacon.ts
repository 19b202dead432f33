import { createHash } from 'node:crypto'
import { bls12_381 } from '@noble/curves/bls12-381.js'

/** What a client must know to seal something to a round: as drand's own beacons say it. */
export type BeaconInfo = {
  /** Hex of 96 bytes, in G2. */
  publicKey: string
  /** Unix time of round 1, seconds. */
  genesisS: number
  /** Seconds from round to round; may be a fraction, for chains of fast blocks. */
  periodS: number
}
export type Pulse = { round: bigint; randomness: string; signature: string }

/** Source: scheme bls-unchained-g1-rfc9380, that of drand's quicknet. */
const DST = 'BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_'
/** Of quicknet, so that rounds look as they do there. */
const QUICKNET = { genesisS: 1_692_803_367, periodS: 3 }
/** Everybody may know it: what is sealed to this beacon is no secret, and a chain that restarts goes on with the same. */
const SECRET = createHash('sha256').update('drand beacon of the development chain').digest()

/** A beacon of one, with a key of its own: nobody but drand can sign for drand's. */
export class Beacon {
  readonly #genesisS: number
  readonly #periodS: number
  readonly #secret = bls12_381.fields.Fr.create(BigInt(`0x${SECRET.toString('hex')}`))

  constructor({ genesisS = QUICKNET.genesisS, periodS = QUICKNET.periodS }: { genesisS?: number; periodS?: number } = {}) {
    this.#genesisS = genesisS
    this.#periodS = periodS
  }

  get info(): BeaconInfo {
    return { genesisS: this.#genesisS, periodS: this.#periodS, publicKey: bls12_381.G2.Point.BASE.multiply(this.#secret).toHex() }
  }

  /** The latest round that is out; 0 before the first. */
  roundAt(nowMs: number): bigint {
    const seconds = nowMs / 1000 - this.#genesisS
    return seconds < 0 ? 0n : BigInt(Math.floor(seconds / this.#periodS)) + 1n
  }

  pulse(round: bigint): Pulse {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(round)
    const message = createHash('sha256').update(number).digest()
    const signature = bls12_381.G1.hashToCurve(message, { DST }).multiply(this.#secret).toBytes()
    const randomness = createHash('sha256').update(signature).digest('hex')
    return { round, randomness: `0x${randomness}`, signature: `0x${Buffer.from(signature).toString('hex')}` }
  }
}
