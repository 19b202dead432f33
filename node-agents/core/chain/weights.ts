import { ChainError } from './errors.ts'
import type { WeightRow } from './types.ts'

/** Scores to the chain's u16 weights and back. The chain scales every vector so that its largest is 65535: only ratios matter. */

const U16_MAX = 65_535
/** The runtime's GLOBAL_MAX_SUBNET_COUNT. */
const MAX_SUBNETS = 4096

export type Weights = { uids: number[]; /** u16 each. */ values: number[] }
export type WeightLimits = {
  minAllowedWeights: number
  /** 65535: no limit. */
  maxWeightsLimit: number
  /** How many there are in the subnet. */
  neurons: number
  /** A single weight to oneself is bound by no limit. Null: unknown. */
  ownUid: number | null
}

/** Under which index the chain keeps weights, updates and incentives of a mechanism of a subnet. */
export function netuidIndex(netuid: number, mechanism: number): number {
  return mechanism * MAX_SUBNETS + netuid
}

/**
 * As the Python SDK does it: by the largest, round half to even, without zeros. All zero gives no weights at all.
 * @throws ChainError for a score below zero or not finite, or a uid that cannot be: never left out in silence
 */
export function toU16Weights(scores: ReadonlyMap<number, number>): Weights {
  const most = largest(scores)
  const weights: Weights = { uids: [], values: [] }
  if (most === 0) return weights
  for (const [uid, score] of scores) {
    const value = roundHalfEven((score / most) * U16_MAX)
    if (value === 0) continue
    weights.uids.push(uid)
    weights.values.push(value)
  }
  return weights
}

/**
 * Lowers the largest weights until none has more than limit/65535 of the sum. The others keep their ratios to one another.
 * @throws ChainError where so few uids cannot keep the limit
 */
export function clipToLimit(weights: Weights, maxWeightsLimit: number): Weights {
  const { uids, values } = weights
  const n = values.length
  if (maxWeightsLimit >= U16_MAX || n === 0) return weights
  const limit = maxWeightsLimit / U16_MAX
  if (n * limit < 1) throw overLimit(maxWeightsLimit)
  // Rounding takes at most one half of each off the sum: with twice that in hand the limit holds after it.
  const safe = limit / (1 + (n * limit) / U16_MAX)
  const cap = n * safe <= 1 ? 0 : capOf(values, safe)
  return toU16Weights(new Map(uids.map((uid, i) => [uid, cap === 0 ? 1 : Math.min(values[i] ?? 0, cap)])))
}

/** The value at which the largest are cut off, so that each has just that share of what is then the sum. */
function capOf(values: number[], share: number): number {
  const falling = values.toSorted((a, b) => b - a)
  let rest = falling.reduce((sum, v) => sum + v, 0)
  for (const [above, next] of falling.entries()) {
    const cap = (share * rest) / (1 - above * share)
    if (next <= cap) return cap
    rest -= next
  }
  return 0
}

/** @throws ChainError what the chain would refuse these weights for (`WeightVecLengthIsLow`, `MaxWeightExceeded`), before anything is sent */
export function checkLimits({ uids, values }: Weights, limits: WeightLimits): void {
  if (uids.length === 1 && uids[0] === limits.ownUid) return
  const least = Math.min(limits.minAllowedWeights, limits.neurons)
  if (uids.length < least)
    throw new ChainError(
      'WeightVecLengthIsLow',
      'request',
      `${uids.length} weights are too few, the subnet takes ${least} or more: give weight to more uids`,
      false,
    )
  const sum = values.reduce((all, v) => all + v, 0)
  if (limits.maxWeightsLimit < U16_MAX && Math.max(...values) * U16_MAX > limits.maxWeightsLimit * sum) throw overLimit(limits.maxWeightsLimit)
}

/**
 * Whether what was read back is what was sent, by ratio (one in 65535 may go in rounding).
 * @returns the uids that differ, ascending; none: it is the same
 */
export function compareWeights(sent: Weights, read: WeightRow): number[] {
  const wanted = scaled(sent.uids.map((uid, i) => [uid, sent.values[i] ?? 0]))
  const found = scaled(read)
  const differs = (uid: number) => Math.abs((wanted.get(uid) ?? 0) - (found.get(uid) ?? 0)) > 1
  return [...new Set([...wanted.keys(), ...found.keys()])].filter(differs).sort((a, b) => a - b)
}

function scaled(row: WeightRow): Map<number, number> {
  const most = row.reduce((max, [, value]) => Math.max(max, value), 0)
  return new Map(row.map(([uid, value]) => [uid, most === 0 ? 0 : Math.round((value * U16_MAX) / most)]))
}

/** The largest score, once all are known to be scores. */
function largest(scores: ReadonlyMap<number, number>): number {
  let most = 0
  for (const [uid, score] of scores) {
    if (!Number.isInteger(uid) || uid < 0 || uid > U16_MAX) throw new ChainError('UidVecContainInvalidOne', 'request', `There is no uid ${uid}`, false)
    if (!Number.isFinite(score) || score < 0)
      throw new ChainError('BadScore', 'request', `The score ${score} of uid ${uid} is no weight: weights are finite and not below zero`, false)
    most = Math.max(most, score)
  }
  return most
}

function roundHalfEven(value: number): number {
  const below = Math.floor(value)
  const over = value - below
  if (over !== 0.5) return Math.round(value)
  return below % 2 === 0 ? below : below + 1
}

function overLimit(limit: number): ChainError {
  return new ChainError('MaxWeightExceeded', 'request', `No uid may have more than ${limit}/65535 of all weight here: give weight to more uids`, false)
}
