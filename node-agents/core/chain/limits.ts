import type { Link } from './wire.ts'

/** How long what may take, in ms, and what an endpoint may do before it is left. */
export type Limits = {
  connectMs: number
  /** From the first question to an endpoint that is asked out and may be used. */
  dialMs: number
  /** One question to the endpoint. */
  callMs: number
  /** What asks while no endpoint answers waits so long for one. */
  waitMs: number
  /** No new best block for so long: the endpoint is left. Null: by the time from block to block. */
  stallMs: number | null
  /** Between two questions that only look whether it answers, and how late an answer may be. Together under 30 s. */
  pulseMs: number
  pulseLateMs: number
  /** How far the time of the best block may be behind or ahead of this machine's clock. */
  behindMs: number
  aheadMs: number
  /** Pause after every endpoint failed once: doubles from the first to the second. */
  backoffMs: [first: number, most: number]
  /** A connection that lived shorter counts as a failure. */
  lastedMs: number
  /** From a submission to its last possible answer. */
  submitMs: number
}

/** Subtensor's time from block to block. */
export const BLOCK_MS = 12_000
/** Two blocks may fail to come (24 s); a third means something is wrong. Noticed within 30 s. */
const BLOCKS_MISSING = 2.4
const LEAST_STALL_MS = 15_000
const MOST_STALL_MS = 29_000

export const DEFAULTS: Limits = {
  stallMs: null,
  connectMs: 10_000,
  dialMs: 20_000,
  callMs: 20_000,
  waitMs: 15_000,
  pulseMs: 8000,
  pulseLateMs: 15_000,
  behindMs: 180_000,
  aheadMs: 60_000,
  backoffMs: [1000, 30_000],
  lastedMs: 60_000,
  submitMs: 600_000,
}

export function stallMs(blockMs: number): number {
  return Math.min(MOST_STALL_MS, Math.max(LEAST_STALL_MS, BLOCKS_MISSING * blockMs))
}

/** From block to block as the runtime says: a slot is twice the least time between two blocks (pallet_aura). */
export function slotMs(link: Pick<Link, 'constant'>): number {
  return 2 * Number(link.constant('Timestamp.MinimumPeriod'))
}
