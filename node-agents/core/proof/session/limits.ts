import { PROOF_MAX_MS } from '../../../../schema/proof.ts'
import { LINE_LIMIT, openingBytes, TOTAL_LIMIT } from '../lines.ts'
import { HASH_BYTES } from '../merkle.ts'
import { mostOpenings } from '../request.ts'
import { checksPerGpu } from '../sample.ts'
import { checkSizes, MAX_GPUS, type Sizes } from '../sizes.ts'
import { base64Length } from '../wire.ts'
import type { Task } from './types.ts'

/** How long a host may take for what, and how much it may say. All times in milliseconds by our clock. */

/** Starting Python and importing torch: 3 s measured on a fast disk, most of a minute on a slow one. */
export const HELLO_MS = 60_000
/** All pings together. What they take is a credit of 3 % at most, so nobody gains by delaying them. */
export const PING_MS = 10_000
export const PINGS = 8
/** Taking the memory of a GPU, and trying its engines. */
export const PREP_MS = 120_000
/** The whole session: by then the edge has ended the proof. What is proved without an edge takes no longer. */
export const SESSION_MS = PROOF_MAX_MS

/** Part of a measured time that may be taken off for the way there and back. */
export const CREDIT = 0.03
/** A card that is as much slower than the slowest that may pass is still waited for: it may be worth something as a lesser one. */
const SLACK = 0.85
/** Chunks that carry fewer bytes than this on average are there to keep us busy. */
const LEAST_CHUNK = 64

/** Longest a timed part may take: 1/SLACK of what the slowest card that may pass takes, two ways there and back, and a second. */
export function timedLimitMs(expectedMs: number, rttMs: number): number {
  return expectedMs / SLACK + 2 * rttMs + 1000
}

/** A measured time less the way there and back, at most 3 % of it. */
export function credited(ms: number, rttMs: number): number {
  return ms - Math.min(rttMs, CREDIT * ms)
}

/** Bytes a millisecond of the slowest line that is waited for: 2 Mbit/s. What comes over it is no part of any measure. */
const SLOWEST = 250
/** The script answers from what it has by then. */
const ROOTS_MS = 10_000
const OPEN_MS = 20_000

/** Milliseconds for the tree over one state in Python, where GPUs share processors: 2.7 ms measured for 2048 leaves, twice that here. */
const treeMs = ({ n, f }: Sizes): number => 0.0026 * (n / f)

/** All roots of all GPUs: they were made while the clocks ran, and are only sent. */
export function rootsLimitMs(sizes: Sizes, gpus: number): number {
  return ROOTS_MS + rootBytes(sizes, gpus) / SLOWEST
}

/** All openings of all GPUs, and a tree for each of them. */
export function openLimitMs(sizes: Sizes, gpus: number): number {
  const { rows } = mostOpenings(checksPerGpu(gpus), sizes)
  return OPEN_MS + openingBytes(sizes, gpus) / SLOWEST + gpus * rows * treeMs(sizes)
}

/**
 * Says whether a session can have this task at all.
 * @throws RangeError: it is the caller's mistake, never the miner's
 */
export function checkTask({ gpus, sizes, chainMs, sweepMs }: Task): void {
  checkSizes(sizes)
  if (!(Number.isInteger(gpus) && gpus >= 1 && gpus <= MAX_GPUS)) throw new RangeError(`a proof of ${gpus} GPUs: 1 to ${MAX_GPUS}`)
  for (const ms of [chainMs, sweepMs]) if (!(ms > 0 && ms < SESSION_MS)) throw new RangeError(`a timed part of ${ms} ms: more than 0, less than ${SESSION_MS}`)
  const bytes = honestBytes(sizes, gpus)
  if (bytes > TOTAL_LIMIT) throw new RangeError(`${gpus} GPUs in these sizes send ${bytes} bytes, more than ${TOTAL_LIMIT}`)
}

/** Most bytes of a whole session: twice what an honest one sends, and 1 MiB for what it says besides. */
export function totalLimit(sizes: Sizes, gpus: number): number {
  return Math.min(TOTAL_LIMIT, 2 * honestBytes(sizes, gpus) + 16 * LINE_LIMIT)
}

/** Most pieces in which it may come. */
export function chunkLimit(total: number): number {
  return total / LEAST_CHUNK
}

function rootBytes({ K }: Sizes, gpus: number): number {
  return gpus * base64Length(HASH_BYTES * (K + 2))
}

function honestBytes(sizes: Sizes, gpus: number): number {
  return openingBytes(sizes, gpus) + rootBytes(sizes, gpus)
}
