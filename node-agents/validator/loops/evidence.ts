import { PROOF_HOLDS_MS } from '../../../schema/index.ts'
import type { Progress, Stat } from '../store/types.ts'
import { hours } from '../score/words.ts'

/** Name of the progress that says when the last round of proofs began that came to its end and could tell something. */
export const FINISHED = 'proof_round_finished'

/**
 * Why these scores are nothing to make weights of; null: they are. A zero is only worth something where somebody looked: a validator that has
 * just been installed would burn everything, or give all to whom it happened to prove first, and so would one whose prover was away until
 * every proof aged. The weights on chain stay meanwhile.
 * @param finished the progress of that name
 */
export function lacking(rows: readonly Pick<Stat, 'score' | 'factors'>[], finished: Progress | undefined, nowMs: number): string | null {
  if (rows.some(({ factors }) => factors.factors.some(({ name }) => name === 'peers'))) return null
  if (!finished) return 'no proof round has been finished yet, and no other validator has published numbers'
  const age = nowMs - finished.at
  if (age <= PROOF_HOLDS_MS.unrented || rows.some(({ score }) => score > 0)) return null
  return `every score is zero, and the last proof round that told anything began ${hours(age)} ago: the weights on chain stay`
}
