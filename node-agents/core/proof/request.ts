import type { ChainCheck, Sample, SweepCheck } from './sample.ts'
import type { Sizes } from './sizes.ts'
import { statesOfStep } from './sweep.ts'

/** One opening that is due, and what it is for. `before` and `after`, and `from` and `to`, come one right after the other. */
export type Due = RowDue | LaneDue
/** A row of a state. */
export type RowDue = { state: number; row: number } & ({ as: 'before' | 'after'; check: ChainCheck } | { as: 'term'; check: SweepCheck })
/** A row of U. */
export type LaneDue = { step: number; lane: number; as: 'from' | 'to'; check: SweepCheck }

/** What is sent to the script: rows of states, then rows of U. */
export type OpenRequest = { rows: [t: number, i: number][]; u: [q: number, l: number][] }

/** All openings that the checks need, in the order in which they are asked for and must come. State 0 is nobody's word: it comes of the seed. */
export function dueOpenings({ chain, sweep }: Sample, sizes: Sizes): Due[] {
  const pair = (check: ChainCheck): Due[] => [
    ...(check.t > 0 ? [{ as: 'before', state: check.t, row: check.i, check } as const] : []),
    { as: 'after', state: check.t + 1, row: check.a, check },
  ]
  const terms = (check: SweepCheck): Due[] => statesOfStep(check.q, sizes).map((state) => ({ as: 'term', state, row: check.i, check }))
  const lanes = (check: SweepCheck): Due[] => [
    { as: 'from', step: check.q, lane: check.lane, check },
    { as: 'to', step: check.q + 1, lane: check.lane, check },
  ]
  return [...chain.flatMap(pair), ...sweep.flatMap(terms), ...sweep.flatMap(lanes)]
}

/** How many openings so many checks need at most: those of the chain that are of its first round need one row less. */
export function mostOpenings({ chain, sweep }: { chain: number; sweep: number }, { r }: Pick<Sizes, 'r'>): { rows: number; lanes: number } {
  return { rows: 2 * chain + r * sweep, lanes: 2 * sweep }
}

export function openRequest(due: Due[]): OpenRequest {
  return {
    rows: due.flatMap((d) => ('state' in d ? [[d.state, d.row] as [number, number]] : [])),
    u: due.flatMap((d) => ('step' in d ? [[d.step, d.lane] as [number, number]] : [])),
  }
}
