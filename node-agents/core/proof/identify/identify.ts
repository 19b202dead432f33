import type { Measured } from '../../../../schema/index.ts'
import { type Card, cardNamed, type Catalog } from '../../catalog.ts'
import { oneLine } from '../../text.ts'
import { gatesOf, MEASURES, shortOf, shown } from './gates.ts'
import { type Likely, posterior } from './posterior.ts'
import type { Claim, Identity } from './types.ts'

/** Measured so many times what an honest card of that name reaches, it is another card, or several behind one. */
const TOO_FAST = 1.3
/** A twin that is at least so likely is named. */
const TWIN_SEEN = 0.05

/**
 * What a claim is worth after it was measured. Pure. Measures can only be understated by a host, so all gates of a model mean that there
 * is at least that much; a name proves nothing. Paid is the claim, or the best lesser model of the catalogue, never a better one.
 * @throws RangeError for measures that are none
 */
export function identify(measured: Measured, claim: Claim, catalog: Catalog): Identity {
  if (!MEASURES.every(({ name }) => Number.isFinite(measured[name]) && measured[name] > 0)) throw new RangeError(`measured ${JSON.stringify(measured)}`)
  const card = cardNamed(catalog, claim.model)
  const nothing = { measured, model: null, confidence: null, runnerUp: null, flags: [] }
  if (!card)
    return {
      ...nothing,
      result: 'refused',
      text: `the catalogue of ${catalog.dated} knows no card "${oneLine(claim.model.slice(0, 64))}", so there is nothing to hold it to`,
    }
  if (claim.simulated)
    return { ...nothing, result: 'simulated', model: card.name, text: `simulated ${card.name}: the arithmetic was checked, speed and memory were not` }
  const paid = [card, ...lesser(card, catalog)].find((c) => shortOf(measured, c).length === 0)
  const likely = posterior(measured, catalog.cards)
  const flags = [...tooFast(measured, card), ...(paid ? alike(paid, likely) : [])]
  if (!paid)
    return {
      ...nothing,
      result: 'refused',
      runnerUp: likely[0]?.card.name ?? null,
      flags,
      text: `${short(measured, card)}, and too little for any lesser card`,
    }
  const result = paid === card ? 'proven' : 'paid_down'
  const text = result === 'proven' ? holds(measured, card) : `${short(measured, card)}; ${holds(measured, paid)}`
  return { result, model: paid.name, measured, ...sure(paid, likely), flags, text }
}

/** Cards that are worth less than this one, the best first: by points, and of equal points by speed. */
function lesser(card: Card, { cards }: Catalog): Card[] {
  return cards.filter((c) => better(c, card) > 0).sort(better)
}

/** Negative when `a` is the better one; 0 only for a card and itself. */
function better(a: Card, b: Card): number {
  return (
    b.score - a.score ||
    b.expected.tops - a.expected.tops ||
    b.expected.gbs - a.expected.gbs ||
    b.memory.mib - a.memory.mib ||
    (a.name < b.name ? -1 : Number(a.name !== b.name))
  )
}

function sure(paid: Card, likely: Likely[]): Pick<Identity, 'confidence' | 'runnerUp'> {
  const others = likely.filter((l) => l.card !== paid)
  if (others.length === 0) return { confidence: null, runnerUp: null }
  return { confidence: likely.find((l) => l.card === paid)?.probability ?? 0, runnerUp: others[0]?.card.name ?? null }
}

function tooFast(measured: Measured, { name, expected }: Card): string[] {
  const over = (['tops', 'gbs'] as const).filter((m) => measured[m] > TOO_FAST * expected[m])
  const times = over.map((m) => `${(measured[m] / expected[m]).toFixed(1)} times the ${m === 'tops' ? 'TOPS' : 'GB/s'}`)
  return times.length === 0 ? [] : [`${times.join(' and ')} of an ${name}: another card, or several behind one`]
}

function alike(paid: Card, likely: Likely[]): string[] {
  const twins = likely.filter(({ card, probability }) => probability >= TWIN_SEEN && paid.twins.includes(card.name))
  return twins.map(({ card }) => `measures much like its twin, ${card.name}`)
}

const short = (measured: Measured, card: Card): string => `no ${card.name}: ${shortOf(measured, card).join(', ')}${basis(card)}`

function holds(measured: Measured, card: Card): string {
  const gates = gatesOf(card)
  return `${card.name}: ${MEASURES.map(({ name, unit }) => `${shown(measured[name])} ${unit} (at least ${shown(gates[name])})`).join(', ')}${basis(card)}`
}

const basis = ({ expected }: Card): string => (expected.estimate === null ? '' : `, by an estimate of ${expected.estimate}`)
