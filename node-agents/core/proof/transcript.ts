import { checkLength } from './fault.ts'
import { hash, HASH_BYTES } from './merkle.ts'
import type { Sizes } from './sizes.ts'

/**
 * What one GPU has committed to before it is asked anything. All hashes in bytes. What stops a clock is a hash of all that was to be done
 * while it ran; only what it is the hash of comes later. Were it a hash of the end alone, then the end could be made of anything in no
 * time, and all else afterwards, with one wrong step among hundreds that a check of some steps hardly ever sees.
 */
export type Transcript = {
  /** The line that stopped the clock of the chain: SHA-256 over `roots`. */
  tip: Uint8Array
  /** Roots of S_1 … S_K, one after another. */
  roots: Uint8Array
  /** The line that stopped the clock of the sweep: SHA-256 over `swr`. */
  swp: Uint8Array
  /** Root over the rows of U_0 … U_Q. */
  swr: Uint8Array
}

/** @throws Malformed when a part has not exactly the length that the sizes give: fewer roots than states, say */
export function checkTranscript({ tip, roots, swp, swr }: Transcript, { K }: Pick<Sizes, 'K'>): void {
  checkLength(tip, HASH_BYTES, 'tip')
  checkLength(roots, K * HASH_BYTES, 'roots')
  checkLength(swp, HASH_BYTES, 'swp')
  checkLength(swr, HASH_BYTES, 'swr')
}

/** Root of S_t, t = 1 … K. */
export function rootOf({ roots }: Transcript, t: number): Uint8Array {
  return roots.subarray((t - 1) * HASH_BYTES, t * HASH_BYTES)
}

/** Which line that stopped a clock is not the hash of what came after it; null: both are. */
export function unkept({ tip, roots, swp, swr }: Transcript): 'tip' | 'swept' | null {
  if (!hash(roots).equals(tip)) return 'tip'
  return hash(swr).equals(swp) ? null : 'swept'
}
