import type { Random } from './random.ts'
import type { Sizes } from './sizes.ts'

/** S_{t+1}[a,i] is to be byte 1 of W[a]·S_t[i]. */
export type ChainCheck = { t: number; a: number; i: number }
/** U_{q+1}[lane,i] is to follow from U_q[lane] and row i of the states of step q. */
export type SweepCheck = { q: number; lane: number; i: number }
export type Sample = { chain: ChainCheck[]; sweep: SweepCheck[] }

/**
 * How many checks each of so many GPUs gets: 128 and 32 for the whole machine, and never so few that one GPU may hope. One of them is
 * known beforehand (drawSample), so k-1 count: with a fraction x of wrong entries they see nothing with probability (1 - x·255/256)^(k-1).
 * 10 % on all 8 GPUs of a machine pass with 3.4e-6, on a single one of the 8 with 0.21.
 */
export function checksPerGpu(gpus: number): { chain: number; sweep: number } {
  return { chain: Math.max(16, Math.ceil(128 / gpus)), sweep: Math.max(4, Math.ceil(32 / gpus)) }
}

/**
 * What to check of one GPU, drawn only once everything it depends on is committed. Rounds and steps are stratified: the k-1 drawn ones
 * lie in as many equal parts, so that leaving out any stretch of them is seen more often than with free draws. The k-th, always there,
 * is the last round and the last step: what they end in are the two lines that stopped the clock.
 * @returns both lists ascending, so that a prover rebuilds few trees
 */
export function drawSample({ n, K, lanes, Q }: Sizes, count: { chain: number; sweep: number }, random: Random): Sample {
  const at = () => random.below(n)
  return {
    chain: strata(K, count.chain, random).map((t) => ({ t, a: at(), i: at() })),
    sweep: strata(Q, count.sweep, random).map((q) => ({ q, lane: random.below(lanes), i: at() })),
  }
}

/** count-1 numbers below `length`, one out of each of as many equal parts, and then the last one; each part as likely to the last digit. */
function strata(length: number, count: number, random: Random): number[] {
  const parts = count - 1
  return [...Array.from({ length: parts }, (_, part) => Math.floor((part * length + random.below(length)) / parts)), length - 1]
}
