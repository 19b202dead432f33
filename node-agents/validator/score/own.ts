import type { Factor } from '../../../schema/index.ts'
import { type Catalog, cardNamed } from '../../core/catalog.ts'
import type { CardProof } from './economics.ts'
import { CHALLENGES_KEPT, PROOFS_KEPT, type Reliability } from './reliability.ts'
import { hours, models, shownModel } from './words.ts'

/** Of one host so many cards count, the best first: the original's limit. */
export const CARDS_COUNTED = 8

type Counted = { model: string; score: number }

/** The factors of what own proofs say, of at least one card. A model that the catalogue does not know earns nothing, and that is noted. */
export function ownFactors(cards: readonly CardProof[], reliable: Reliability, catalog: Catalog, nowMs: number): { factors: Factor[]; note: string | null } {
  const counted = best(cards, catalog)
  const points = counted.reduce((sum, c) => sum + c.score, 0) / counted.length
  const unknown = [...new Set(cards.filter((c) => !cardNamed(catalog, c.model)).map((c) => shownModel(c.model)))]
  const factors: Factor[] = [
    { name: 'catalog', value: points, from: `${worths(counted)}, catalogue of ${catalog.dated}` },
    { name: 'cards', value: counted.length, from: cardsFrom(cards) },
    { name: 'scale', value: 100 / (catalog.best * CARDS_COUNTED), from: `${CARDS_COUNTED} of the best card (${catalog.best} points each) are 100` },
    { name: 'proof_age', value: 1, from: ageFrom(cards, nowMs) },
    { name: 'reliability', value: reliable.value, from: reliableFrom(reliable) },
  ]
  return { factors, note: unknown.length === 0 ? null : `not in the catalogue, so without points: ${unknown.join(', ')}` }
}

/** The model that earns most, and how many of it are proved: what the score is for. */
export function provedGpusOf(cards: readonly CardProof[], catalog: Catalog): { model: string; count: number } {
  const groups = [...Map.groupBy(cards, (c) => c.model)].map(([model, of]) => ({ model, count: of.length, worth: pointsOf(catalog, model) * of.length }))
  const [most] = groups.sort((a, b) => b.worth - a.worth || b.count - a.count || (a.model < b.model ? -1 : 1))
  if (!most) throw new RangeError('no card is proved')
  return { model: most.model.slice(0, 64), count: Math.min(most.count, 64) }
}

const pointsOf = (catalog: Catalog, model: string) => cardNamed(catalog, model)?.score ?? 0

function best(cards: readonly CardProof[], catalog: Catalog): Counted[] {
  const all = cards.map(({ model }) => ({ model, score: pointsOf(catalog, model) }))
  return all.sort((a, b) => b.score - a.score).slice(0, CARDS_COUNTED)
}

function worths(counted: readonly Counted[]): string {
  const each = [...new Map(counted.map((c) => [c.model, c.score]))].map(([model, score]) => `${shownModel(model)}: ${score}`)
  return each.length === 1 ? `points of ${each[0]}` : `mean points (${each.join(', ')})`
}

function cardsFrom(cards: readonly CardProof[]): string {
  const proved = `${models(cards)} proved`
  return cards.length > CARDS_COUNTED ? `${proved}, the best ${CARDS_COUNTED} count` : proved
}

function ageFrom(cards: readonly CardProof[], nowMs: number): string {
  const oldest = cards.reduce((a, b) => (b.unrentedMs > a.unrentedMs ? b : a))
  const newest = Math.max(...cards.map((c) => c.atMs))
  return `last proved ${hours(nowMs - newest)} ago; oldest proof: ${hours(oldest.unrentedMs)} not rented of 24 h, ${hours(oldest.wallMs)} in all of 168 h`
}

function reliableFrom({ points, misses, excused }: Reliability): string {
  const held = `${points} of ${PROOFS_KEPT} points for failed proofs, ${misses} of ${CHALLENGES_KEPT} challenges missed`
  return excused === 0 ? held : `${held}; ${excused} failed while rented, which does not count`
}
