/**
 * The beacon that timelocked weights wait for: drand's "quicknet" (https://docs.drand.love, also answered by any of its relays under
 * /<chain hash>/info). Scheme bls-unchained-g1-rfc9380: signatures on G1, the key on G2.
 */
export const QUICKNET = {
  chainHash: '52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971',
  /** When round 1 was published, seconds since 1970. */
  genesisS: 1_692_803_367,
  periodS: 3,
  /** Compressed, 96 bytes. */
  publicKey:
    '83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a',
} as const

/** The newest round that is out at a time (ms since 1970); 0: none yet. */
export function roundAt(ms: number): number {
  return Math.max(0, Math.floor((ms / 1000 - QUICKNET.genesisS) / QUICKNET.periodS) + 1)
}

/** When a round comes out, ms since 1970. */
export function timeOf(round: number): number {
  return (QUICKNET.genesisS + (round - 1) * QUICKNET.periodS) * 1000
}
