import { PROOF_HOLDS_MS, type StateGpu, type StateMiner } from '../../../schema/index.ts'
import type { Proof } from '../store/types.ts'

/** The counter of rented time may be read this much later or earlier than the clock; more cannot be, and then it says nothing. */
const COUNTER_SLACK_MS = 3600_000

/** Why a card that was proved once earns nothing now. */
export type Lapse = 'gone' | 'simulated' | 'aged' | 'old' | 'lost'

/** One card that was proved, by the newest proof it stands in. Times are milliseconds; `unrentedMs` is the age that counts. */
export type CardProof = { uuid: string; model: string; atMs: number; wallMs: number; unrentedMs: number; lapse: Lapse | null }

/** All that own proofs say of one miner. `disproved`: the newest proof that decided was wrong, and ended all before it. */
export type Standing = { cards: CardProof[]; valid: CardProof[]; disproved: Proof | null }

/**
 * Which cards of a miner count as proved at `nowMs`. Pure.
 *
 * A proof is of cards, by their UUID, and the newest in which a card stands decides on it. It holds for 24 hours in which the card was not
 * rented, because an unrented card can be proved at any time, and for 7 days in all. So renting never costs a proof, refusing rent never
 * keeps one longer, and an own fake cannot be hidden by renting it: only what was proved before counts. An `invalid` proof ends every older
 * one; a `failed` one showed nothing, ends none, and tells on reliability. A card that the edge no longer shows is gone, and one that another
 * miner who lists it too showed at the same moment, when this one did not, is lost.
 *
 * @param miner what the edge said last. It may be old, while the edge is out of reach: its counters then stand still, and proofs age by the
 *   clock. Null: the edge knows no such miner, so none of its cards is there
 * @param development whether simulated cards count
 * @throws RangeError for times that are none: a damaged record is no score
 */
export function valid(proofs: readonly Proof[], miner: StateMiner | null, at: { nowMs: number; development: boolean }): Standing {
  const ended = proofs.findIndex((p) => p.result === 'invalid')
  const since = ended === -1 ? proofs : proofs.slice(0, ended)
  const lost = new Set<string>()
  const seen = new Map<string, CardProof>()
  const there = new Map(miner?.gpus.map((gpu) => [gpu.uuid, gpu]))
  for (const proof of since) {
    for (const uuid of proof.evidence?.lost ?? []) lost.add(uuid)
    for (const { uuid, model, rentedMs } of proof.gpus) {
      if (seen.has(uuid)) continue
      const gpu = there.get(uuid) ?? null
      const age = ageOf({ atMs: proof.at, rentedMs }, gpu, at.nowMs)
      const simulated = proof.simulated || miner?.simulated === true || gpu?.simulated === true
      const lapse = lost.has(uuid) ? 'lost' : lapseOf(age, gpu, simulated && !at.development)
      seen.set(uuid, { uuid, model, atMs: proof.at, ...age, lapse })
    }
  }
  const cards = [...seen.values()]
  return { cards, valid: cards.filter((c) => c.lapse === null), disproved: cards.length === 0 ? (proofs[ended] ?? null) : null }
}

function lapseOf(age: { wallMs: number; unrentedMs: number }, gpu: StateGpu | null, forbidden: boolean): Lapse | null {
  if (gpu === null) return 'gone'
  if (forbidden) return 'simulated'
  if (age.wallMs > PROOF_HOLDS_MS.atMost) return 'old'
  return age.unrentedMs > PROOF_HOLDS_MS.unrented ? 'aged' : null
}

/** A proof from after now says that a clock was put back: it is new. */
function ageOf(proof: { atMs: number; rentedMs: number }, gpu: StateGpu | null, nowMs: number): { wallMs: number; unrentedMs: number } {
  for (const ms of [proof.atMs, proof.rentedMs, nowMs, gpu?.rented_ms ?? 0])
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`${ms} is no time in milliseconds: the record of a proof is damaged`)
  const wallMs = Math.max(0, nowMs - proof.atMs)
  return { wallMs, unrentedMs: wallMs - rentedSince(wallMs, (gpu?.rented_ms ?? proof.rentedMs) - proof.rentedMs) }
}

/** A counter that went backwards, or leapt farther than time went, counts nothing: the proof then ages by the clock. */
function rentedSince(wallMs: number, grownMs: number): number {
  if (grownMs < 0 || grownMs > wallMs + COUNTER_SLACK_MS) return 0
  return Math.min(grownMs, wallMs)
}
