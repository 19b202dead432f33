import { type Penalties, penaltiesStatement, type Scores, scoresStatement } from '../../../schema/index.ts'
import type { Signer } from '../../core/signer.ts'
import type { Penalty, Stat } from '../store/types.ts'

/** Where and when something is said. */
export type Head = { netuid: number; block: number; at_ms: number }

type Content = { scores: Scores['scores']; penalties: Penalties['penalties'] }

/** What there is to say, in an order of its own, so that the same is the same. Pure. */
export function contentOf(stats: Iterable<Stat>, punished: Iterable<Penalty>): Content {
  const byHotkey = (a: { hotkey: string }, b: { hotkey: string }) => (a.hotkey < b.hotkey ? -1 : 1)
  const scores = [...stats].map(({ hotkey, score, gpus, ownScore }) => ({ hotkey, score, gpus, own: ownScore })).toSorted(byHotkey)
  const penalties = [...punished].map(({ hotkey, reason, from, until }) => ({ hotkey, reason, from_ms: from, until_ms: until })).toSorted(byHotkey)
  return { scores, penalties }
}

/** Signed by the hotkey, over the UTF-8 bytes of the statement. */
export function signScores(scores: Content['scores'], head: Head, signer: Signer): Scores {
  const body = { ...head, validator: signer.address, scores }
  return { ...body, signature: signer.sign(new TextEncoder().encode(scoresStatement(body))) }
}

/** As `signScores`. */
export function signPenalties(penalties: Content['penalties'], head: Head, signer: Signer): Penalties {
  const body = { ...head, validator: signer.address, penalties }
  return { ...body, signature: signer.sign(new TextEncoder().encode(penaltiesStatement(body))) }
}
