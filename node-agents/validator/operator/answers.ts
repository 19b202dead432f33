import * as z from 'zod'
import { hotkey, provedGpus } from '../../../schema/index.ts'
import { EXCLUSIONS } from '../score/types.ts'

/** What the control socket of a validator answers to its operator, for both ends of it. */

const time = z.iso.datetime()
/** Of the whole, 0 to 1. */
const share = z.number()

const penalty = z.object({ reason: z.string(), from: time, /** Null: until it is pardoned. */ until: time.nullable() })

const excluded = z.enum(EXCLUSIONS).nullable()

export const minersAnswer = z.object({
  version: z.string(),
  block: z.number(),
  miners: z.array(
    z.object({
      uid: z.number(),
      hotkey: z.string(),
      excluded,
      /** In words, where it is excluded. */
      why: z.string().nullable(),
      /** Other uids with the same address. */
      shares: z.array(z.number()),
      /** 0 to 100; null: not scored yet. */
      score: z.number().nullable(),
      gpus: provedGpus.nullable(),
      own: z.boolean(),
      reliability: z.number().nullable(),
      allocated: z.boolean(),
      note: z.string().nullable(),
      scored_at: time.nullable(),
      penalty: penalty.nullable(),
    }),
  ),
})
export type MinersAnswer = z.infer<typeof minersAnswer>

/** A card that own proofs speak of, by the newest of them. */
const provedCard = z.object({
  uuid: z.string(),
  model: z.string(),
  proved_at: time,
  age_ms: z.number(),
  /** The part of its age that counts: milliseconds in which it was not rented. */
  unrented_ms: z.number(),
  /** Why it counts for nothing; null: it counts. */
  lapse: z.enum(['gone', 'simulated', 'aged', 'old', 'lost']).nullable(),
})

export const explainAnswer = z.object({
  version: z.string(),
  block: z.number(),
  at: time,
  uid: z.number(),
  hotkey: z.string(),
  coldkey: z.string(),
  address: z.string().nullable(),
  excluded,
  why: z.string().nullable(),
  shares: z.array(z.number()),
  stat: z
    .object({
      score: z.number(),
      gpus: provedGpus.nullable(),
      own: z.boolean(),
      reliability: z.number(),
      allocated: z.boolean(),
      factors: z.array(z.object({ name: z.string(), value: z.number(), from: z.string() })),
      note: z.string().nullable(),
      block: z.number(),
      at: time,
    })
    .nullable(),
  /** What it told the edge; null: the edge does not know it. */
  edge: z
    .object({
      online: z.string(),
      available: z.boolean(),
      version: z.string(),
      simulated: z.boolean(),
      gpus: z.array(z.object({ model: z.string(), rented: z.boolean() })),
      asked_at: time,
    })
    .nullable(),
  /** Newest first. */
  proofs: z.array(
    z.object({
      at: time,
      block: z.number(),
      result: z.enum(['valid', 'invalid', 'failed']),
      reason: z.string().nullable(),
      simulated: z.boolean(),
      duration_ms: z.number(),
      gpus: z.array(z.string()),
    }),
  ),
  cards: z.array(provedCard),
  /** Why the cards cannot be told; null: they can. */
  cards_trouble: z.string().nullable(),
  liveness: z.object({ attempts: z.number(), successes: z.number() }),
  penalty: penalty.nullable(),
  peers: z.array(z.object({ validator: z.string(), stake: z.string(), score: z.number(), gpus: provedGpus.nullable(), at: time })),
  /** The newest cycle of weights that was more than a plan, and what stands on chain now. */
  weight: z.object({
    cycle: z.object({ id: z.number(), state: z.string(), reason: z.string().nullable() }).nullable(),
    wanted: share.nullable(),
    found: share.nullable(),
    trouble: z.string().nullable(),
  }),
})
export type ExplainAnswer = z.infer<typeof explainAnswer>

export const proofsAnswer = z.object({
  version: z.string(),
  /** Where the evidence lies. */
  folder: z.string(),
  /** Newest first. */
  proofs: z.array(
    z.object({
      at: time,
      block: z.number(),
      uid: z.number().nullable(),
      hotkey: z.string(),
      result: z.enum(['valid', 'invalid', 'failed']),
      simulated: z.boolean(),
      gpus: z.array(z.string()),
      duration_ms: z.number(),
      /** Why it is what it is, in a sentence. */
      text: z.string(),
      measured: z.object({ tops: z.number(), gbs: z.number(), vram_gb: z.number() }).nullable(),
      /** That it is this model and none of its neighbours, 0 to 1. */
      confidence: z.number().nullable(),
      runner_up: z.string().nullable(),
      flags: z.array(z.string()),
      /** Cards that another miner showed when this one could not. */
      lost: z.array(z.string()),
      /** Its evidence, which compute proof verify checks again; null: none was kept. It may have made room for newer ones since. */
      bundle: z.object({ file: z.string(), digest: z.string() }).nullable(),
    }),
  ),
})
export type ProofsAnswer = z.infer<typeof proofsAnswer>

const cycle = z.object({
  id: z.number(),
  mode: z.string(),
  state: z.string(),
  uids: z.number(),
  planned_block: z.number(),
  included_block: z.number().nullable(),
  reveal_block: z.number().nullable(),
  read_block: z.number().nullable(),
  read_at: time.nullable(),
  attempts: z.number(),
  reason: z.string().nullable(),
  at: time,
})

export const weightsAnswer = z.object({
  version: z.string(),
  hotkey: z.string(),
  uid: z.number().nullable(),
  block: z.number().nullable(),
  /** When weights are to be set next; null: not known yet. */
  due_block: z.number().nullable(),
  /** Why no weights can be set now; null: nothing is wrong. */
  trouble: z.string().nullable(),
  /** Newest first. */
  cycles: z.array(cycle),
  /** Of the newest cycle that was more than a plan beside what the chain says now. */
  rows: z.array(z.object({ uid: z.number(), hotkey: z.string().nullable(), wanted: share, found: share.nullable() })),
  /** Which cycle `wanted` is of. */
  of_cycle: z.number().nullable(),
  /** Why `found` and the matrix could not be read; null: they were. */
  chain_trouble: z.string().nullable(),
  /** Rows of all validators, as [uid, u16]; null: not asked for, or not read. */
  matrix: z.array(z.object({ uid: z.number(), hotkey: z.string().nullable(), weights: z.array(z.tuple([z.number(), z.number()])) })).nullable(),
})
export type WeightsAnswer = z.infer<typeof weightsAnswer>

const MINUTE_MS = 60_000
const YEAR_MS = 366 * 24 * 3600_000

/** Of one miner by hotkey or uid, or of all. */
export const proofsInput = z.strictObject({
  miner: z.union([hotkey, z.number().int().min(0).max(65_535)]).nullable(),
  limit: z.number().int().min(1).max(1000),
})
export const whose = z.strictObject({ hotkey })
/** A miner by hotkey or uid. */
export const which = z.strictObject({ miner: z.union([hotkey, z.number().int().min(0).max(65_535)]) })
export const penalizeInput = z.strictObject({
  hotkey,
  reason: z.string().trim().min(1, 'say why').max(200, 'at most 200 characters'),
  /** Null: until it is pardoned. */
  for_ms: z.number().int().min(MINUTE_MS, 'a minute at least').max(YEAR_MS, 'a year at most').nullable(),
})
export type PenalizeInput = z.infer<typeof penalizeInput>

/** `before`: the penalty that held until now. */
export const penalized = z.object({ version: z.string(), hotkey: z.string(), uid: z.number(), now: penalty, before: penalty.nullable() })
export type Penalized = z.infer<typeof penalized>
export const pardoned = z.object({ version: z.string(), hotkey: z.string(), uid: z.number().nullable(), before: penalty.nullable() })
export type Pardoned = z.infer<typeof pardoned>
