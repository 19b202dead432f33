import { byte1, dot } from './chain.ts'
import type { Sizes } from './sizes.ts'

/**
 * The sweep: rows of U are carried through all states, so that they must be read from memory, again and again, while the clock runs.
 * To every step goes a row that comes of the nonce alone. Without it a whole sweep could be worked out from a start of one's own, before
 * the nonce is known, and joined to the right start with one wrong step among Q, which a check of some steps hardly ever sees. With it,
 * of two steps that were worked out beforehand one after the other at least one is wrong: what comes after k free draws passes with 2^-k.
 */

/** Row of the U matrix that goes into lane `lane` of U_step. Those of U_0 are U_0. */
export function freshRow(step: number, lane: number, { lanes }: Pick<Sizes, 'lanes'>): number {
  return step * lanes + lane
}

/** Numbers t of the states S_t that a step of the sweep reads: step after step it goes round the ⌊K/r⌋ blocks of r states from S_1 on. */
export function statesOfStep(q: number, { K, r }: Pick<Sizes, 'K' | 'r'>): number[] {
  const block = q % Math.floor(K / r)
  return Array.from({ length: r }, (_, j) => 1 + block * r + j)
}

/**
 * U_{q+1}[l,i] = Σ byte 1 of U_q[l]·S[i] over the states S that the step reads, and the fresh entry, modulo 256, as a signed byte.
 * @param rows S[i] of each state
 * @param fresh entry i of freshRow(q + 1, l)
 */
export function sweepByte(lane: Int8Array, rows: Int8Array[], fresh: number): number {
  let sum = fresh
  for (const row of rows) sum += byte1(dot(lane, row))
  return (sum << 24) >> 24
}
