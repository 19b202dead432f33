import * as z from 'zod'
import { hotkey } from './hotkey.ts'
import { penalties, scores } from './publication.ts'

/** A card as its miner reported it and the edge remembers it. */
export const stateGpu = z.object({
  uuid: z.string(),
  model: z.string(),
  vram_mb: z.number().int(),
  simulated: z.boolean(),
  /** Under a live rent now. */
  rented: z.boolean(),
  /** Milliseconds it was ever rented, the running rent included: only grows, so two readings give the time rented between them. */
  rented_ms: z.number().int().min(0),
})
export type StateGpu = z.infer<typeof stateGpu>

/** A miner as the edge knows it: from signed reports and its own watching, never proved. */
export const stateMiner = z.object({
  hotkey,
  version: z.string(),
  online: z.enum(['online', 'suspect', 'unreachable']),
  /** May be given a new rental: admitted, engine answers, a full report of late, nothing held. */
  available: z.boolean(),
  address: z.string(),
  simulated: z.boolean(),
  reported_at_ms: z.number().int().nullable(),
  /** A card of it was just given back, its proof no longer holds, and the edge keeps it for a proof: for minutes, so be quick. */
  proof_due: z.boolean().default(false),
  /** Cards that are there. */
  gpus: z.array(stateGpu).max(64),
})
export type StateMiner = z.infer<typeof stateMiner>

/** What a validator asks the edge for: the market as it is, and what other validators published of late. */
export const validatorState = z
  .object({
    netuid: z.number().int(),
    /** Whether simulated cards may count: nowhere but in development. */
    development: z.boolean(),
    at_ms: z.number().int(),
    miners: z.array(stateMiner).max(4096),
    /** The latest of every validator but the asker. Signed by those who wrote them: check it. */
    scores: z.array(scores).max(256),
    penalties: z.array(penalties).max(256),
  })
  .meta({ id: 'ValidatorState' })
export type ValidatorState = z.infer<typeof validatorState>
