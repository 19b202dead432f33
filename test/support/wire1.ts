import * as z from 'zod'

/**
 * The wire of protocol 1, pinned as commit 682b439 had it: what agents and edges of the release before this one send and read.
 * Nothing here imports schema/, so that a change there cannot change what is tested against. Never edit it; it goes when protocol 1 does.
 */

const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{26}$`))
const allocationId = id('al')
const installId = id('in')
const hotkey = z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{47,48}$/)
const traceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/)
const hostName = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.:-]*$/)
const count = z.number().int().nonnegative()

const PHASES = ['none', 'pulling', 'creating', 'starting', 'running', 'paused', 'stopping', 'gone', 'failed'] as const
const FAILURES = [
  'image_refused',
  'limits_refused',
  'image_missing',
  'pull_failed',
  'disk_full',
  'no_port',
  'gpu_unavailable',
  'init_failed',
  'not_answering',
  'exited',
  'container_missing',
  'engine_error',
  'unsupported',
] as const

const gpuFacts = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('ok'),
    gpus: z
      .array(z.object({ uuid: z.string().min(4).max(80), index: z.number().int(), model: z.string().min(1).max(64), vram_mb: z.number().int().positive() }))
      .min(1)
      .max(64),
    driver_version: z.string().max(64).optional(),
  }),
  z.object({ status: z.literal('none') }),
  z.object({ status: z.literal('failed'), message: z.string().max(1000) }),
])

export const hostFacts1 = z.object({
  gpu: gpuFacts,
  simulated: z.boolean(),
  driver: z.enum(['docker', 'box']),
  isolation: z.string().max(64),
  engine: z.string().max(128),
  address: hostName,
  cpus: z.number().positive(),
  memory_mb: z.number().int().positive(),
  disk_free_mb: count,
  images: z.array(z.object({ reference: z.string().max(255), warm: z.boolean() })).max(64),
})

export const registration1 = z.object({
  protocol: z.number().int().positive(),
  version: z.string().max(64),
  role: z.enum(['miner', 'validator']),
  install: installId,
  facts: hostFacts1.optional(),
})

export const registered1 = z.object({ protocol: z.number().int(), epoch: z.number().int(), server_time_ms: z.number().int() })

const fact1 = z
  .object({
    id: allocationId,
    incarnation: z.number().int().positive(),
    phase: z.enum(PHASES),
    observed_generation: count,
    restart_n: count,
    keys_n: count,
    error: z.object({ code: z.enum(FAILURES), message: z.string().max(1000) }).nullable(),
    progress: z.object({ stage: z.enum(['pull', 'create', 'start', 'init', 'banner']), current: count, total: count.nullable() }).nullable(),
    endpoint: z
      .object({
        host: hostName,
        port: z.number().int().min(1).max(65535),
        user: z
          .string()
          .max(32)
          .regex(/^[a-z_][a-z0-9_-]*$/),
        host_key: z.string().max(8192),
        signature: z.string().regex(/^0x[0-9a-f]{128}$/),
      })
      .nullable(),
    trace: traceId,
  })
  .refine((f) => f.phase !== 'running' || f.endpoint !== null)

export const report1 = z.object({
  protocol: z.number().int().positive(),
  version: z.string().max(64),
  install: installId,
  boot: id('bo'),
  seq: z.number().int().positive(),
  wish: z.object({ epoch: count, version: count }).nullable(),
  engine: z.object({ ok: z.boolean(), message: z.string().max(1000) }),
  allocations: z.array(fact1).max(256),
  unexplained: z.array(z.object({ id: allocationId, incarnation: z.number().int().positive() })).max(256),
  foreign: count,
  facts: hostFacts1.nullable(),
})

const identity = { id: allocationId, incarnation: z.number().int().positive(), generation: count, trace: traceId }

const wishRun1 = z.object({
  kind: z.literal('container'),
  ...identity,
  desired: z.enum(['run', 'pause', 'stop']),
  restart_n: count,
  keys_n: count,
  ssh_keys: z.array(z.string().max(8192)).max(16),
  expires_at_ms: z.number().int(),
  gpus: z.array(z.string()).max(64),
  image: z.string().max(255),
  env: z.record(z.string().max(128), z.string().max(4096)),
  init: z.array(z.array(z.string().min(1).max(4096)).min(1).max(64)),
  limits: z.object({ cpus: z.number().positive(), memory_mb: count, shm_mb: count, disk_gb: count, pids: count }),
})

export const wishEntry1 = z.discriminatedUnion('kind', [wishRun1, z.object({ kind: z.literal('tombstone'), ...identity })])

export const wish1 = z.object({
  iss: hotkey,
  aud: hotkey,
  install: installId,
  /** An agent of protocol 1 refuses anything newer. */
  protocol: z.literal(1),
  epoch: count,
  version: count,
  issued_at_ms: z.number().int(),
  allocations: z.array(wishEntry1),
})
