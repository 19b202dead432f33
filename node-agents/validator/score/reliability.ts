import type { StateMiner } from '../../../schema/index.ts'
import type { Liveness, Proof } from '../store/types.ts'

/** How many proofs and liveness challenges are kept of a miner, as by the original. */
export const PROOFS_KEPT = 4
export const CHALLENGES_KEPT = 60

/** What a whole record of failures takes off, of each kind. Together they leave the floor. */
const PROOF_LOSS = 0.25
const LIVENESS_LOSS = 0.25
/** No record takes more than this: whether a miner earns at all is for proofs to say, and reliability only ranks those who are proved. */
export const RELIABILITY_FLOOR = 1 - PROOF_LOSS - LIVENESS_LOSS

/** `points` of 4, `misses` of 60: what was counted, for people. */
export type Reliability = { value: number; points: number; misses: number; excused: number }

/**
 * How far a miner can be relied on: 1 − 0.25 · points/4 − 0.25 · misses/60, from 0.5 to 1.
 *
 * Points are of the newest four proofs: 1 for a failed one, 2 for an invalid one, 4 at most. Misses are of the newest sixty liveness
 * challenges. Both are held against a full record and not against the tries so far, so that the first failure of a new miner costs as much as
 * that of an old one (0.0625), and one failure among good proofs ends nobody. A perfect or an empty record is exactly 1, so that the
 * original's numbers come out; one more failure never raises it, and one failure less never lowers it.
 *
 * A failed proof is excused when cards of the miner were rented between the proofs around it: a rent goes before a proof, so the host was busy
 * with what it is there for, and renting must not cost anything.
 *
 * @param proofs newest first
 * @throws RangeError when more challenges were passed than tried: a damaged record is no score
 */
export function reliability(proofs: readonly Proof[], liveness: Liveness, miner: StateMiner | null): Reliability {
  const { attempts, successes } = liveness
  if (!(successes >= 0 && attempts >= successes && Number.isFinite(attempts)))
    throw new RangeError(`${successes} of ${attempts} liveness challenges passed: the record is damaged`)
  const newest = proofs.slice(0, PROOFS_KEPT)
  const failed = newest.filter((p) => p.result === 'failed')
  const excused = failed.filter((p) => rentedAround(p, proofs, miner)).length
  const invalid = newest.filter((p) => p.result === 'invalid').length
  const points = Math.min(PROOFS_KEPT, failed.length - excused + 2 * invalid)
  const misses = Math.min(CHALLENGES_KEPT, attempts - successes)
  return { value: 1 - PROOF_LOSS * (points / PROOFS_KEPT) - LIVENESS_LOSS * (misses / CHALLENGES_KEPT), points, misses, excused }
}

/** Whether any card's counter of rented time grew from the valid proof before this one to the one after it, or to now. */
function rentedAround(failed: Proof, proofs: readonly Proof[], miner: StateMiner | null): boolean {
  const i = proofs.indexOf(failed)
  const after = proofs.slice(0, i).findLast((p) => p.result === 'valid')
  const before = proofs.slice(i + 1).find((p) => p.result === 'valid')
  const then = new Map(before?.gpus.map((g) => [g.uuid, g.rentedMs]))
  const later = after ? after.gpus : (miner?.gpus.map((g) => ({ uuid: g.uuid, rentedMs: g.rented_ms })) ?? [])
  return later.some((g) => g.rentedMs > (then.get(g.uuid) ?? 0))
}
