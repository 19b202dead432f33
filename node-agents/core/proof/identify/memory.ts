import type { Card } from '../../catalog.ts'
import { MAX } from '../sizes.ts'

/** States that one step of the sweep reads, and so what K is a multiple of. */
export const STATES_PER_STEP = 4
/** What a GPU needs besides the states: the driver's context, W, S_0, the product at work, U, digests. Bytes. */
const BESIDES = 2.3e9
/** Of the rest. The last hundredths go to what the allocator cuts off. */
const FILLED = 0.98
/** Error correction of GDDR memory takes a sixteenth, and the owner may switch it. */
export const LEAST_SHARE = 15 / 16
/** Fewer states are too short a chain to be timed: a smaller n makes more of them. */
const MIN_STATES = 32
const MIB = 2 ** 20

/** Matrices of one proof by n, and the digests that fit them: largest first, as that is where a GPU is fastest. */
export const SHAPES = [
  { n: 16_384, w: 256, f: 8 },
  { n: 8192, w: 256, f: 8 },
  { n: 4096, w: 256, f: 4 },
] as const

/**
 * Memory that a card is asked to fill, in MiB: what the host says it has, but never more than the catalogue's and never so little that
 * it could be another card's.
 */
export function askedMib({ memory }: Card, saidMib: number): number {
  return Math.min(memory.mib, Math.max(saidMib, memory.mib * LEAST_SHARE))
}

/** K: states of n² bytes that fill so much memory. Null: too few or too many in this n. */
export function statesFor(mib: number, n: number): number | null {
  const K = STATES_PER_STEP * Math.floor((FILLED * (mib * MIB - BESIDES)) / n ** 2 / STATES_PER_STEP)
  return K >= MIN_STATES && K <= MAX.K ? K : null
}

/** GB (10^9 bytes) that such memory holds of states, in the largest n that it allows; 0: in none. */
export function residentGb(mib: number): number {
  for (const { n } of SHAPES) {
    const K = statesFor(mib, n)
    if (K !== null) return (K * n ** 2) / 1e9
  }
  return 0
}

/** The least that an honest card of this name fills. */
export function leastResidentGb({ memory }: Card): number {
  return residentGb(memory.mib * LEAST_SHARE)
}
