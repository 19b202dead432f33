import { Problem } from '../../schema/problem.ts'
import { PROOF_PAUSE_MS, PROOFS_OPEN_EACH, PROOFS_PER_HOUR, PROOFS_PER_HOUR_EACH } from '../../schema/proof.ts'
import type { Place } from '../store/queue.ts'

/** Seconds until it is worth asking again what only the miner, its tenants or a person can change. */
const LATER_S = { validator: 3600, unknown: 600, unfit: 60, cards: 300, leaving: 10, image: 600, full: 30 } as const

/** Why a validator may not prove a miner now, and when to ask again; null: it may. Pure. @param place null: there is no such miner */
export function proofRefusal(place: Place | null, image: string, nowMs: number): Problem | null {
  const no = (detail: string, retry_after_s: number) => new Problem('proof_refused', detail, { retry_after_s })
  const until = (atMs: number, detail: string) => no(detail, Math.max(1, Math.ceil((atMs - nowMs) / 1000)))
  if (!place) return no('no such miner is registered here', LATER_S.unknown)
  if (!place.may) return no('this validator takes part no more: it drains', LATER_S.validator)
  if (place.openUntil !== null) return until(Math.max(place.openUntil, nowMs + 1000), 'another proof of this miner is open')
  if (place.pausedUntil !== null) return until(place.pausedUntil, `you proved it less than ${PROOF_PAUSE_MS / 60_000} minutes ago`)
  if (place.eachUntil !== null) return until(place.eachUntil, `you began ${PROOFS_PER_HOUR_EACH} proofs of it within an hour`)
  if (place.turnUntil !== null) return until(place.turnUntil, 'the next proofs of it are for validators that opened none for long')
  if (place.hourUntil !== null) return until(place.hourUntil, `${PROOFS_PER_HOUR} proofs of it began within an hour`)
  if (place.openHere >= PROOFS_OPEN_EACH) return no(`you have ${place.openHere} proofs open: close some of them`, LATER_S.full)
  if (!place.fit) return no('it takes nothing new now: it is away, draining, or not healthy', LATER_S.unfit)
  if (place.free === 0 && place.leaving) return no('its cards are being given back', LATER_S.leaving)
  if (place.free === 0) return no('none of its cards is free', LATER_S.cards)
  if (!place.room) return no('the tenant it has shares neither the host nor its disk', LATER_S.cards)
  if (!place.offered) return no(`it does not run ${image}, in which proofs are made`, LATER_S.image)
  return null
}
