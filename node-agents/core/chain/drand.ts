/** A drand beacon of scheme bls-unchained-g1-rfc9380: signatures on G1, the key on G2. */
export type Beacon = {
  /** When round 1 was published, seconds since 1970. */
  genesisS: number
  /** Seconds from round to round. */
  periodS: number
  /** Hex of 96 bytes, compressed. */
  publicKey: string
}

/**
 * The beacon that timelocked weights wait for on the public chains: drand's "quicknet", of chain hash
 * 52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971 (any relay of drand answers /<chain hash>/info).
 */
export const QUICKNET: Beacon = {
  genesisS: 1_692_803_367,
  periodS: 3,
  publicKey:
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
}

/** The newest round that is out at a time (ms since 1970); 0: none yet. */
export function roundAt(ms: number, { genesisS, periodS }: Beacon = QUICKNET): number {
  return Math.max(0, Math.floor((ms / 1000 - genesisS) / periodS) + 1)
}

/** When a round comes out, ms since 1970. */
export function timeOf(round: number, { genesisS, periodS }: Beacon = QUICKNET): number {
  return (genesisS + (round - 1) * periodS) * 1000
}
