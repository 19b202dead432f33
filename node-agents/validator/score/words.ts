import { oneLine } from '../../core/text.ts'
import type { CardProof, Lapse } from './economics.ts'

/** What scores are explained with. Names of cards come from elsewhere and are made fit for a terminal. */

export const shownModel = (model: string) => oneLine(model).slice(0, 64)

/** Milliseconds as hours: proofs are held against 24 h and 168 h. */
export const hours = (ms: number) => `${(Math.max(0, ms) / 3600_000).toFixed(1)} h`

/** "8 x NVIDIA H200, 1 x NVIDIA L4" */
export function models(cards: readonly Pick<CardProof, 'model'>[]): string {
  return [...Map.groupBy(cards, (c) => shownModel(c.model))].map(([model, of]) => `${of.length} x ${model}`).join(', ')
}

const LAPSES: Record<Lapse, string> = {
  gone: 'the edge no longer shows it',
  simulated: 'simulated, which counts in development only',
  aged: 'not rented for more than 24 h since it was proved',
  old: 'proved more than 7 days ago',
  lost: 'shown by another miner, who lists it too, when this one could not show it',
}

/** Why cards that were proved do not count. */
export function lapses(cards: readonly CardProof[]): string {
  const lapsed = cards.filter((c) => c.lapse !== null)
  const groups = [...Map.groupBy(lapsed, (c) => c.lapse)]
  return groups.map(([lapse, of]) => `${models(of)}: ${lapse === null ? '' : LAPSES[lapse]}`).join('; ')
}
