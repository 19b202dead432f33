import * as z from 'zod'
import { DRIVERS } from './allocation.ts'
import { hotkey } from './hotkey.ts'
import { imageReference } from './image.ts'

export const ROLES = ['miner', 'validator'] as const
export type Role = (typeof ROLES)[number]

/** One physical device as the driver of the vendor names it. */
export const gpuFact = z.object({
  uuid: z
    .string()
    .min(4)
    .max(80)
    .regex(/^[A-Za-z0-9-]+$/),
  index: z.number().int().min(0).max(255),
  model: z.string().min(1).max(64),
  vram_mb: z.number().int().positive(),
})
export type GpuFact = z.infer<typeof gpuFact>

/** "nvidia-smi failed" is not "no GPU": only `ok` says anything about which GPUs exist. */
export const gpuFacts = z.discriminatedUnion('status', [
  z.object({ status: z.literal('ok'), gpus: z.array(gpuFact).min(1).max(64), driver_version: z.string().max(64).optional() }),
  z.object({ status: z.literal('none') }),
  z.object({ status: z.literal('failed'), message: z.string().max(1000) }),
])
export type GpuFacts = z.infer<typeof gpuFacts>

/** A host name or address a client can dial. Letters, digits, dots, dashes, colons: nothing a shell or ssh could read otherwise. */
export const hostName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/, 'a host name or IP address')

/** What bounds a tenant's disk: the engine's quota, a volume of fixed size, or nothing but the agent's watch (then one tenant at a time). */
export const DISKS = ['quota', 'volume', 'shared'] as const
/** Whether tenants are kept from each other, from the host and from private networks. */
export const NETWORKS = ['isolated', 'open'] as const

export const hostFacts = z.object({
  gpu: gpuFacts,
  simulated: z.boolean(),
  driver: z.enum(DRIVERS),
  isolation: z.string().max(64).meta({ description: 'What keeps tenants apart: runc, runc+userns, none' }),
  engine: z.string().max(128),
  /** Since protocol 2; an older agent keeps nobody's disk or network apart. */
  disk: z.enum(DISKS).default('shared'),
  network: z.enum(NETWORKS).default('open'),
  address: hostName,
  cpus: z.number().positive(),
  memory_mb: z.number().int().positive(),
  disk_free_mb: z.number().int().nonnegative(),
  images: z.array(z.object({ reference: imageReference, warm: z.boolean() })).max(64),
})
export type HostFacts = z.infer<typeof hostFacts>

const gpuCount = z.object({ total: z.number().int(), free: z.number().int() })

export const gpuOffer = z
  .object({
    hotkey,
    model: z.string(),
    vram_mb: z.number().int(),
    ...gpuCount.shape,
    driver: z.enum(DRIVERS),
    isolation: z.string(),
    disk: z.enum(DISKS),
    network: z.enum(NETWORKS),
    simulated: z.boolean(),
    images: z.array(z.object({ reference: z.string(), warm: z.boolean() })),
    proof_age_s: z.number().int().nullable().meta({ description: 'Seconds of unrented time since the last valid proof; null: never proved' }),
  })
  .meta({ id: 'GpuOffer' })

/**
 * One word for how a miner is: it takes claims (`ready`); it is away; its engine is; it has not told everything lately; a rental died
 * there unheard and it must show that it is empty (`held`); it takes nothing new (`draining`, `too_old`).
 */
export const MINER_STATUS = ['ready', 'suspect', 'unreachable', 'engine_down', 'stale', 'held', 'draining', 'too_old'] as const
export type MinerStatus = (typeof MINER_STATUS)[number]

export const minerView = z
  .object({
    hotkey,
    status: z.enum(MINER_STATUS),
    gpus: gpuCount,
    models: z.array(z.string()),
    driver: z.enum(DRIVERS),
    isolation: z.string(),
    disk: z.enum(DISKS),
    network: z.enum(NETWORKS),
    simulated: z.boolean(),
    version: z.string(),
    protocol: z.number().int(),
    registered_at: z.iso.datetime(),
    last_report_at: z.iso.datetime().nullable(),
    score: z.number().nullable().meta({
      description: 'Stake-weighted median of what validators say of late, 0 to 100; one that proved nothing of it counts as 0. Null: none proved anything',
    }),
    score_age_s: z.number().int().nullable().meta({ description: 'Of the latest proved number; null: there is none' }),
    scored_by: z.number().int().meta({ description: 'Validators that proved something of it themselves' }),
  })
  .meta({ id: 'Miner' })

/** What one validator says of a miner. */
export const scoreView = z
  .object({
    validator: hotkey,
    score: z.number(),
    own: z.boolean().meta({ description: 'It proved that itself; what it has from others does not count here' }),
    gpus: z.object({ model: z.string(), count: z.number().int() }).nullable(),
    age_s: z.number().int(),
  })
  .meta({ id: 'Score' })

export const penaltyView = z
  .object({
    validator: hotkey,
    reason: z.string(),
    from: z.iso.datetime(),
    until: z.iso.datetime().nullable().meta({ description: 'Null: until it is pardoned' }),
  })
  .meta({ id: 'Penalty' })

/** One miner, with what each validator says of it. */
export const minerDetail = minerView.extend({ scores: z.array(scoreView), penalties: z.array(penaltyView) }).meta({ id: 'MinerDetail' })
