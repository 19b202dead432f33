import { type Factor, SCORE_MAX } from '../../../schema/index.ts'
import type { Catalog } from '../../core/catalog.ts'
import { byPeers } from './median.ts'
import { type Standing, valid } from './economics.ts'
import { ownFactors, provedGpusOf } from './own.ts'
import { type Reliability, reliability } from './reliability.ts'
import type { MinerView, Round, Scored } from './types.ts'
import { lapses } from './words.ts'

/**
 * The score of one miner, 0 to 100, and every factor of it; the score is the product of their values. Pure.
 *
 * The original's formula over proved cards, times reliability: points of the card × cards (8 at most) × 100 / (8 × points of the best card).
 * On a host of several models the 8 best cards count, each with its points. Zero when the filter leaves the miner out, when it is penalized,
 * and when nothing is proved.
 *
 * Own proofs decide as soon as they say anything: cards that are proved now, cards that were proved in time and are gone, or a proof that
 * was wrong, which beats whatever others say. Where they say nothing (none made, all failed, or too old), the stake-weighted median of the
 * other validators' numbers stands in; their reliability is in them already, so ours is not put on top.
 *
 * @throws for corrupt input (times, counts or scores that cannot be, records of another hotkey): the caller keeps the last score
 */
export function scoreMiner(view: MinerView, round: Round, catalog: Catalog): Scored {
  checkOneHotkey(view)
  const standing = valid(view.proofs, view.miner, round)
  const reliable = reliability(view.proofs, view.liveness, view.miner)
  const basis = basisOf(view, standing, reliable, catalog, round)
  const excluded = view.filtered.excluded !== null
  const factors = [...basis.factors, ...excludedFactor(view), ...penaltyFactor(view, round.nowMs)]
  return {
    score: Math.min(SCORE_MAX, Math.max(0, product(factors))),
    // Who is left out is not proved any more: a zero that others would take for the outcome of a proof.
    gpus: excluded ? null : basis.gpus,
    own: basis.own && !excluded,
    reliability: reliable.value,
    allocated: view.miner?.gpus.some((gpu) => gpu.rented) ?? false,
    factors: { factors, note: basis.note },
  }
}

type Basis = Pick<Scored, 'gpus' | 'own'> & { factors: Factor[]; note: string | null }

/** What the score rests on before filter and penalty. */
function basisOf(view: MinerView, standing: Standing, reliable: Reliability, catalog: Catalog, round: Round): Basis {
  if (standing.valid.length > 0)
    return { ...ownFactors(standing.valid, reliable, catalog, round.nowMs), gpus: provedGpusOf(standing.valid, catalog), own: true }
  if (standing.disproved) return nothing(`the last proof was wrong: ${standing.disproved.reason ?? 'no reason is kept'}`, true)
  const left = standing.cards.length > 0 && standing.cards.every((c) => c.lapse === 'gone' || c.lapse === 'simulated' || c.lapse === 'lost')
  if (left) return nothing(lapses(standing.cards), true)
  if (view.peers.length > 0) return byPeers(view.peers, round.nowMs)
  return nothing(standing.cards.length > 0 ? lapses(standing.cards) : unproved(view), false)
}

const nothing = (from: string, own: boolean): Basis => ({ factors: [{ name: 'proof', value: 0, from }], gpus: null, own, note: null })

function unproved({ proofs }: MinerView): string {
  const [newest] = proofs
  return newest ? `no proof came to an end: ${newest.reason ?? 'no reason is kept'}` : 'not proved yet'
}

const excludedFactor = ({ filtered }: MinerView): Factor[] =>
  filtered.excluded === null ? [] : [{ name: 'filter', value: 0, from: `${filtered.excluded}: ${filtered.why ?? 'no reason is kept'}` }]

function penaltyFactor({ penalty }: MinerView, nowMs: number): Factor[] {
  if (penalty === null || (penalty.until !== null && penalty.until <= nowMs)) return []
  const until = penalty.until === null ? 'until it is pardoned' : `until ${new Date(penalty.until).toISOString()}`
  return [{ name: 'penalty', value: 0, from: `${penalty.reason} (${until})` }]
}

const product = (factors: Factor[]) => factors.reduce((all, { value }) => all * checked(value), 1)

function checked(value: number): number {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`${value} is no factor of a score`)
  return value
}

/** Numbers are joined by hotkey alone: a new hotkey on an old uid inherits nothing. */
function checkOneHotkey({ neuron, filtered, miner, proofs, penalty }: MinerView): void {
  for (const record of [filtered, miner, penalty, ...proofs])
    if (record && record.hotkey !== neuron.hotkey) throw new RangeError(`a record of ${record.hotkey} stands among those of ${neuron.hotkey}`)
}
