import * as z from 'zod'
import { hotkey } from './hotkey.ts'
import { moment } from './moment.ts'
import { statement } from './statement.ts'

/** Another's number older than this counts for nothing, neither in the ranking of the edge nor in weights. */
export const SCORE_STALE_MS = 3 * 3600_000

/** More than any subnet has; bounds what is parsed. */
const MAX_ROWS = 4096

/** Of a subnet's best card eight times: the score no miner exceeds. */
export const SCORE_MAX = 100

export const provedGpus = z.object({ model: z.string().min(1).max(64), count: z.number().int().min(1).max(64) })
export type ProvedGpus = z.infer<typeof provedGpus>

/** One validator's number for one miner. */
export const scoreRow = z.object({
  hotkey,
  score: z.number().min(0).max(SCORE_MAX),
  /** What the score is for; null: nothing is proved. */
  gpus: provedGpus.nullable(),
  /** Whether this validator proved it itself; the numbers of others are passed on by nobody. */
  own: z.boolean(),
})
export type ScoreRow = z.infer<typeof scoreRow>

export const penaltyRow = z.object({
  hotkey,
  reason: z.string().min(1).max(200),
  from_ms: moment,
  /** Null: until it is pardoned. */
  until_ms: moment.nullable(),
})
export type PenaltyRow = z.infer<typeof penaltyRow>

/** What every publication carries. The signature is over the content, so that whoever passes it on cannot change it. */
const head = {
  netuid: z.number().int().min(0).max(65_535),
  validator: hotkey,
  block: z.number().int().min(0),
  at_ms: z.number().int().min(0),
  signature: z.string().regex(/^0x[0-9a-f]{128}$/, '0x and 128 lower-case hex digits'),
}
const once = <T extends { hotkey: string }>(rows: T[]) => new Set(rows.map((r) => r.hotkey)).size === rows.length

export const scores = z.object({ ...head, scores: z.array(scoreRow).max(MAX_ROWS).refine(once, 'a hotkey stands twice') }).meta({ id: 'Scores' })
export type Scores = z.infer<typeof scores>

export const penalties = z.object({ ...head, penalties: z.array(penaltyRow).max(MAX_ROWS).refine(once, 'a hotkey stands twice') }).meta({ id: 'Penalties' })
export type Penalties = z.infer<typeof penalties>

/** What came of it. `older`: the edge has a later one of this validator. */
export const published = z.object({ outcome: z.enum(['kept', 'older']), at_ms: z.number().int() }).meta({ id: 'Published' })
export type Published = z.infer<typeof published>

/** What the hotkey signs: SHA-256 over the fields in the order of the type, whatever order they came in, under a name of its own. */
export function scoresStatement(s: Omit<Scores, 'signature'>): string {
  const rows = s.scores.map((r) => [r.hotkey, r.score, r.gpus && [r.gpus.model, r.gpus.count], r.own])
  return statement('compute/scores/1', [s.netuid, s.validator, s.block, s.at_ms, rows])
}

/** As `scoresStatement`. */
export function penaltiesStatement(p: Omit<Penalties, 'signature'>): string {
  const rows = p.penalties.map((r) => [r.hotkey, r.reason, r.from_ms, r.until_ms])
  return statement('compute/penalties/1', [p.netuid, p.validator, p.block, p.at_ms, rows])
}
