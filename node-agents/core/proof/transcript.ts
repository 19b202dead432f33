import { checkLength } from './fault.ts'
import { HASH_BYTES } from './merkle.ts'
import type { Sizes } from './sizes.ts'

/** What one GPU has committed to before it is asked anything. All hashes in bytes. */
export type Transcript = {
  /** The line that stopped the clock of the chain: root of S_K. */
  tip: Uint8Array
  /** Roots of S_1 … S_K, one after another. */
  roots: Uint8Array
  /** The line that stopped the clock of the sweep: leaf hashes of the rows of U_Q. */
  swp: Uint8Array
  /** Root over the rows of U_0 … U_Q. */
  swr: Uint8Array
}

/** @throws Malformed when a part has not exactly the length that the sizes give: fewer roots than states, say */
export function checkTranscript({ tip, roots, swp, swr }: Transcript, { K, lanes }: Sizes): void {
  checkLength(tip, HASH_BYTES, 'tip')
  checkLength(roots, K * HASH_BYTES, 'roots')
  checkLength(swp, lanes * HASH_BYTES, 'swp')
  checkLength(swr, HASH_BYTES, 'swr')
}

/** Root of S_t, t = 1 … K. */
export function rootOf({ roots }: Transcript, t: number): Uint8Array {
  return roots.subarray((t - 1) * HASH_BYTES, t * HASH_BYTES)
}

/** Whether the hash that stopped the clock is that of the last state. */
export function isTipOfRoots(transcript: Transcript, { K }: Sizes): boolean {
  return Buffer.compare(transcript.tip, rootOf(transcript, K)) === 0
}

/** Leaf hash of a row of U_Q as it was in the line that stopped the clock. */
export function lastLane({ swp }: Transcript, lane: number): Uint8Array {
  return swp.subarray(lane * HASH_BYTES, (lane + 1) * HASH_BYTES)
}
