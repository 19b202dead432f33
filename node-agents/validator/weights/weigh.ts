import { VERSION_INT } from '../../../schema/index.ts'
import { ChainError } from '../../core/chain/errors.ts'
import { checkLimits, clipToLimit, toU16Weights } from '../../core/chain/weights.ts'
import type { Share, WeighInput, Weights } from './types.ts'

type Vector = { uids: number[]; values: number[] }

/**
 * From scores to what is to be set on chain: negatives count as zero, each gets its share of the sum, the burn share goes to the owner's
 * hotkey, and u16 values are made as the SDK makes them (`core/chain/weights.ts`), within the limits of the subnet.
 *
 * Where the limits ask for more than there is to tell:
 * - Fewer uids than the subnet takes: others of `shares` get the smallest weight there is (1 beside 65535, 0.0015 %), best score and lowest
 *   uid first, this validator last (the chain counts no weight to oneself, but asks for it where it takes all uids or none), and that is noted.
 *   The SDK's helper gives 0.001 % to everybody; refusing would silence the validator of a young subnet.
 * - Fewer uids than the largest weight allows (each `maxWeightsLimit`/65535 at most): nothing is set. To spread weight over miners that
 *   earned none would be a lie.
 * - All scores zero: everything is burned; where nobody can burn, nothing is set. The SDK's helper gives everybody the same, which pays
 *   whoever is registered for nothing.
 *
 * @param input `shares` holds everybody on the subnet, those without a score with 0: only they can fill up to the minimum
 * @returns the weights with notes for people, or why there are none
 * @throws RangeError for a score that is no number, a uid that is not on the subnet or comes twice, or a burn share outside 0 to 1: a fault of
 *   the program, never a weight of zero
 */
export function weigh(input: WeighInput): Weights | { none: string } {
  check(input)
  const notes: string[] = []
  const shared = sharesOf(input, notes)
  if ('none' in shared) return shared
  try {
    const clipped = clip(toU16Weights(shared), input, notes)
    tellLost(shared, clipped, notes)
    const { uids, values } = fill(clipped, input, notes)
    checkLimits({ uids, values }, { ...input.limits, neurons: input.n, ownUid: input.ownUid })
    const hotkeys = uids.map((uid) => hotkeyOf(uid, input))
    return { uids, hotkeys, values, versionKey: versionKeyOf(input.limits.weightsVersionKey), notes }
  } catch (error) {
    if (error instanceof ChainError && (error.code === 'WeightVecLengthIsLow' || error.code === 'MaxWeightExceeded')) return { none: error.message }
    throw error
  }
}

function check({ shares, n, burn }: WeighInput): void {
  if (!(burn.share >= 0 && burn.share <= 1)) throw new RangeError(`a burn share of ${burn.share} is not between 0 and 1`)
  for (const { uid, hotkey, score } of shares) {
    if (!Number.isFinite(score)) throw new RangeError(`the score ${score} of uid ${uid} (${hotkey}) is no number to make a weight of`)
    if (!Number.isInteger(uid) || uid < 0 || uid >= n) throw new RangeError(`uid ${uid} (${hotkey}) is not one of ${n} on the subnet`)
  }
  if (new Set(shares.map(({ uid }) => uid)).size !== shares.length) throw new RangeError('a uid has two scores')
}

/** Of the whole, by uid; the sum is 1. */
function sharesOf(input: WeighInput, notes: string[]): Map<number, number> | { none: string } {
  const { burn } = input
  const scores = scoresOf(input, notes)
  // Divided by the largest first: a sum of scores must not overflow.
  const most = scores.reduce((max, { score }) => Math.max(max, score), 0)
  if (most === 0) {
    if (burn.uid === null) return { none: 'no miner has a score above zero, and the hotkey of the subnet’s owner is not on the subnet to burn by' }
    notes.push(`no miner has a score above zero: everything goes to uid ${burn.uid}, which burns it`)
    return new Map([[burn.uid, 1]])
  }
  if (burn.share > 0 && burn.uid === null) notes.push('nothing is burned: the hotkey of the subnet’s owner is not on the subnet')
  const burned = burn.uid === null ? 0 : burn.share
  const sum = scores.reduce((all, { score }) => all + score / most, 0)
  const shares = new Map(scores.map(({ uid, score }) => [uid, (score / most / sum) * (1 - burned)]))
  if (burn.uid !== null && burned > 0) shares.set(burn.uid, (shares.get(burn.uid) ?? 0) + burned)
  return shares
}

/** Nobody weighs itself, unless it is where weight is burned. */
function scoresOf({ shares, ownUid, burn }: WeighInput, notes: string[]): Share[] {
  const others = shares.filter(({ uid, score }) => {
    const own = uid === ownUid && uid !== burn.uid
    if (own && score > 0) notes.push(`the score of uid ${uid} is left out: it is this validator itself`)
    return !own
  })
  const below = others.filter(({ score }) => score < 0).length
  if (below > 0) notes.push(`${below} scores below zero count as zero`)
  return others.map((share) => ({ ...share, score: Math.max(0, share.score) }))
}

/** A single weight to oneself is bound by no limit. */
function clip(weights: Vector, { limits, ownUid }: WeighInput, notes: string[]): Vector {
  if (weights.uids.length === 1 && weights.uids[0] === ownUid) return weights
  const clipped = clipToLimit(weights, limits.maxWeightsLimit)
  if (clipped !== weights && clipped.values.some((v, i) => v !== weights.values[i]))
    notes.push(`lowered to the subnet’s largest weight: ${limits.maxWeightsLimit} of 65535`)
  return clipped
}

function tellLost(shares: Map<number, number>, { uids }: Vector, notes: string[]): void {
  const lost = [...shares.values()].filter((share) => share > 0).length - uids.length
  if (lost > 0) notes.push(`${lost} scores are too small for a weight beside the largest`)
}

function fill({ uids, values }: Vector, { shares, n, ownUid, limits }: WeighInput, notes: string[]): Vector {
  const missing = Math.min(limits.minAllowedWeights, n) - uids.length
  const alone = uids.length === 1 && uids[0] === ownUid
  if (missing <= 0 || alone) return { uids, values }
  const there = new Set(uids)
  const isOwn = ({ uid }: Share) => Number(uid === ownUid)
  const rest = shares.filter(({ uid }) => !there.has(uid)).sort((a, b) => isOwn(a) - isOwn(b) || b.score - a.score || a.uid - b.uid)
  const more = rest.slice(0, missing).map(({ uid }) => uid)
  if (more.length === missing) notes.push(`${missing} uids more get the smallest weight: the subnet takes ${uids.length + missing} or none`)
  return { uids: [...uids, ...more], values: [...values, ...more.map(() => 1)] }
}

function hotkeyOf(uid: number, { shares, burn }: WeighInput): string {
  const hotkey = shares.find((share) => share.uid === uid)?.hotkey ?? (uid === burn.uid ? burn.hotkey : null)
  if (hotkey === null) throw new RangeError(`nobody said whose uid ${uid} is`)
  return hotkey
}

/** The chain takes no key below its own. Ours: what the original sends. */
function versionKeyOf(chains: bigint): bigint {
  const ours = BigInt(VERSION_INT)
  return chains > ours ? chains : ours
}
