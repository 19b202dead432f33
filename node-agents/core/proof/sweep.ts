import { byte1, dot } from './chain.ts'
import type { Sizes } from './sizes.ts'

/**
 * The sweep: rows of U are carried through all states, so that they must be read from memory, again and again, while the clock runs.
 * What a check of single steps cannot see: one wrong step among Q. Only U_0 comes of the nonce, so who is given time between the last
 * state and the nonce can work out the rest in it. How the phases are ordered has to leave no such time; nothing here can make up for it.
 */

/** Numbers t of the states S_t that a step of the sweep reads: step after step it goes round the ⌊K/r⌋ blocks of r states from S_1 on. */
export function statesOfStep(q: number, { K, r }: Pick<Sizes, 'K' | 'r'>): number[] {
  const block = q % Math.floor(K / r)
  return Array.from({ length: r }, (_, j) => 1 + block * r + j)
}

/** U_{q+1}[l,i] = Σ byte 1 of U_q[l]·S[i] over the states S that the step reads, modulo 256, as a signed byte. @param rows S[i] of each state */
export function sweepByte(lane: Int8Array, rows: Int8Array[]): number {
  let sum = 0
  for (const row of rows) sum += byte1(dot(lane, row))
  return (sum << 24) >> 24
}
