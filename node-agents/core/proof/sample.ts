import type { Random } from './random.ts'
import type { Sizes } from './sizes.ts'

/** S_{t+1}[a,i] is to follow from row i of S_t (chain.ts). */
export type ChainCheck = { t: number; a: number; i: number }
/** U_{q+1}[lane,i] is to follow from U_q[lane] and row i of the states of step q. */
export type SweepCheck = { q: number; lane: number; i: number }
export type Sample = { chain: ChainCheck[]; sweep: SweepCheck[] }

/** Checks of the last round and of the last step that each GPU gets: who stops early has made neither. */
const LAST = { chain: 4, sweep: 2 }

/**
 * How many checks each of so many GPUs gets, those of the last round and step among them: 128 and 64 for the whole machine, and never so
 * few that one GPU may hope. The last ones are known beforehand (drawSample), so k = 12 and 6 of 16 and 8 are free. With a fraction x of
 * wrong entries these see nothing with probability (1 - x·255/256)^k: 10 % of the chain on all 8 GPUs of a machine pass with 4.2e-5, on
 * a single one of the 8 with 0.28. A sweep that was worked out before the nonce was known is wrong in every second step (sweep.ts):
 * it passes on one GPU with 2^-6, on 8 with 2^-48.
 */
export function checksPerGpu(gpus: number): { chain: number; sweep: number } {
  return { chain: Math.max(16, Math.ceil(128 / gpus)), sweep: Math.max(8, Math.ceil(64 / gpus)) }
}

/**
 * What to check of one GPU, drawn only once everything it depends on is committed. Rounds and steps are stratified: the free ones lie in
 * as many equal parts, so that leaving out any stretch of them is seen more often than with free draws. Then come those of the last
 * round, all of other rows and columns, and those of the last step, all of other lanes: an end that was made up passes with 256^-4 and
 * 256^-2. That it was there in time, with all before it, is the business of the lines that stop the clocks (transcript.ts).
 * @param count at least one more than LAST
 * @returns both lists ascending, so that a prover rebuilds few trees
 */
export function drawSample({ n, K, lanes, Q }: Sizes, count: { chain: number; sweep: number }, random: Random): Sample {
  const at = () => random.below(n)
  const [rows, columns] = [distinct(LAST.chain, n, random), distinct(LAST.chain, n, random)]
  const [others, entries] = [distinct(Math.min(LAST.sweep, lanes), lanes, random), distinct(LAST.sweep, n, random)]
  const chain = [
    ...strata(K, count.chain - LAST.chain, random).map((t) => ({ t, a: at(), i: at() })),
    ...columns.map((i, k) => ({ t: K - 1, a: rows[k] ?? 0, i })),
  ]
  const sweep = [
    ...strata(Q, count.sweep - LAST.sweep, random).map((q) => ({ q, lane: random.below(lanes), i: at() })),
    ...entries.map((i, k) => ({ q: Q - 1, lane: others[k % others.length] ?? 0, i })),
  ]
  return { chain: chain.map((check, k) => (check.t === 0 ? { ...check, i: columnOfFirst(k, sweep) } : check)), sweep }
}

/**
 * Column of the k-th check of a chain where that is of the first round: the column of a check of the sweep, drawn as freely. Nobody is
 * asked for a row of state 0, which comes of the seed; so the request tells no column of it, and a record could not be checked again.
 */
export function columnOfFirst(k: number, sweep: SweepCheck[]): number {
  return sweep[k % sweep.length]?.i ?? 0
}

/** One number below `length` out of each of so many equal parts; each as likely, to the last digit. */
function strata(length: number, parts: number, random: Random): number[] {
  return Array.from({ length: parts }, (_, part) => Math.floor((part * length + random.below(length)) / parts))
}

/** So many numbers below `limit`, no two the same. */
function distinct(count: number, limit: number, random: Random): number[] {
  const drawn = new Set<number>()
  while (drawn.size < count) drawn.add(random.below(limit))
  return [...drawn]
}
