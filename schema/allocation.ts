import * as z from 'zod'
import { hotkey } from './hotkey.ts'
import { allocationId, traceId } from './ids.ts'
import { imageReference } from './image.ts'
import { QUOTA_DEFAULTS } from './protocol.ts'
import { sshPublicKey } from './ssh.ts'

/** The wish. Only edge verbs write it. */
export const DESIRED = ['run', 'pause', 'stop'] as const
export type Desired = (typeof DESIRED)[number]

/** The fact. Only sync writes it. */
export const PHASES = ['none', 'pulling', 'creating', 'starting', 'running', 'paused', 'stopping', 'gone', 'failed'] as const
export type Phase = (typeof PHASES)[number]

/** Why a wish says stop: asked for, time is up, no miner could, not ready in time, the container was lost while rented, its host was away too long. */
export const STOP_REASONS = ['released', 'expired', 'no_capacity', 'not_ready', 'lost', 'unreachable'] as const
export type StopReason = (typeof STOP_REASONS)[number]

export const STATES = ['pending', 'starting', 'running', 'paused', 'unreachable', 'stopping', 'ended', 'failed'] as const
export type ShownState = (typeof STATES)[number]

/** What an allocation is for. Never told to a miner: a proof must look like a rent. */
export const PURPOSES = ['rent', 'proof'] as const

export const DRIVERS = ['docker', 'box'] as const

/** How an agent names a failure of one container. */
export const FAILURES = [
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
export type FailureCode = (typeof FAILURES)[number]

const NO_CONTROL = /^[^\u0000-\u001f\u007f]*$/
const RESERVED_ENV = /^(NVIDIA_|CUDA_VISIBLE_DEVICES$|LD_)/

export const envName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'letters, digits and _, not beginning with a digit')
  .refine((s) => !RESERVED_ENV.test(s), 'NVIDIA_*, LD_* and CUDA_VISIBLE_DEVICES are set by the miner')
export const envValue = z.string().max(4096).regex(NO_CONTROL, 'no line breaks or control characters')
export const env = z.record(envName, envValue).refine((e) => Object.keys(e).length <= 64, 'at most 64 variables')

/** One command as argv: it is executed as it stands, no shell reads it. */
export const argv = z
  .array(
    z
      .string()
      .min(1)
      .max(4096)
      .regex(/^[^\u0000]*$/, 'no NUL'),
  )
  .min(1)
  .max(64)

export const gpuRequirement = z
  .strictObject({
    count: z
      .union([z.number().int().min(1).max(64), z.literal('all')])
      .default(1)
      .meta({ description: 'How many GPUs, or "all" for a whole host alone' }),
    model: z.string().min(1).max(64).optional().meta({ description: 'Part of the model name, any case, such as "h200"' }),
    min_vram_gb: z.number().positive().max(4096).optional().meta({ description: 'GiB a GPU' }),
  })
  .default({ count: 1 })

export const hostRequirement = z
  .strictObject({
    min_cpus: z.number().positive().max(4096).optional(),
    min_memory_gb: z.number().positive().max(65536).optional(),
    min_disk_gb: z.number().positive().max(1048576).optional(),
  })
  .default({})

export const allocateInput = z
  .strictObject({
    gpu: gpuRequirement,
    host: hostRequirement,
    hotkey: hotkey.optional().meta({ description: 'Rent from this miner only' }),
    image: imageReference.optional().meta({ description: "Default: the edge's workspace image" }),
    ssh_keys: z.array(sshPublicKey).min(1, 'at least one OpenSSH public key').max(16),
    env: env.default({}),
    init: z.array(argv).max(16).default([]).meta({ description: 'Commands run once inside, as argv, before the rental is ready' }),
    lease_hours: z.number().positive().max(QUOTA_DEFAULTS.maxLeaseHours).default(QUOTA_DEFAULTS.leaseHours),
    ready_by_s: z.number().int().min(5).max(3600).default(300).meta({ description: 'Give up when not ready after this many seconds' }),
    name: z.string().max(64).regex(NO_CONTROL, 'no control characters').optional(),
  })
  .meta({ id: 'AllocateInput' })
export type AllocateInput = z.output<typeof allocateInput>

/** Counters make one-shot acts idempotent: a request that names the number it wants may be sent twice. */
const wanted = z.number().int().min(1).max(1_000_000_000).optional()

export const restartInput = z
  .strictObject({ restart_n: wanted.meta({ description: 'Restart until this many restarts were asked for; absent: once more' }) })
  .default({})
  .meta({ id: 'RestartInput' })
export type RestartInput = z.output<typeof restartInput>

export const rekeyInput = z
  .strictObject({ ssh_keys: z.array(sshPublicKey).min(1, 'at least one OpenSSH public key').max(16) })
  .meta({ id: 'RekeyInput', description: 'The keys that may log in from now on; sessions of a key that is not among them end' })
export type RekeyInput = z.output<typeof rekeyInput>

export const extendInput = z
  .strictObject({ lease_hours: z.number().positive().max(QUOTA_DEFAULTS.maxLeaseHours).meta({ description: 'Hours from now; never ends a lease earlier' }) })
  .meta({ id: 'ExtendInput' })
export type ExtendInput = z.output<typeof extendInput>

export const progress = z.object({
  stage: z.enum(['pull', 'create', 'start', 'init', 'banner']),
  current: z.number().int().nonnegative(),
  total: z.number().int().nonnegative().nullable(),
})
export type Progress = z.infer<typeof progress>

export const failure = z.object({ code: z.enum(FAILURES), message: z.string().max(1000) })
export type Failure = z.infer<typeof failure>

export const endpointView = z
  .object({
    host: z.string(),
    port: z.number().int(),
    user: z.string(),
    host_key: z.string(),
    fingerprint: z.string(),
    signature: z.string().meta({ description: "The miner's hotkey over allocation, incarnation, host, port and fingerprint" }),
    known_hosts: z.string().meta({ description: 'A line for a known_hosts file' }),
    ssh_command: z.string(),
  })
  .meta({ id: 'Endpoint' })

export const allocationView = z
  .object({
    id: allocationId,
    name: z.string().nullable(),
    state: z.enum(STATES),
    hotkey: hotkey.nullable(),
    gpus: z.array(z.object({ uuid: z.string(), model: z.string(), vram_mb: z.number().int() })),
    image: z.string(),
    simulated: z.boolean(),
    driver: z.enum(DRIVERS).nullable(),
    desired: z.enum(DESIRED),
    degraded: z.boolean().meta({ description: 'A GPU of this rental is missing from the reports of its host' }),
    unreachable_since: z.iso.datetime().nullable(),
    restart_n: z.number().int().meta({ description: 'Restarts asked for' }),
    observed_restart_n: z.number().int().meta({ description: 'Restarts done' }),
    keys_n: z.number().int().meta({ description: 'Changes of keys asked for' }),
    observed_keys_n: z.number().int().meta({ description: 'Changes of keys done' }),
    endpoint: endpointView.nullable(),
    progress: progress.nullable(),
    error: failure.nullable(),
    tried: z.array(z.object({ hotkey, reason: z.string(), at: z.iso.datetime() })).meta({ description: 'Miners given up on, and why' }),
    incarnation: z.number().int(),
    generation: z.number().int(),
    observed_generation: z.number().int(),
    created_at: z.iso.datetime(),
    ready_at: z.iso.datetime().nullable(),
    expires_at: z.iso.datetime(),
    ended_at: z.iso.datetime().nullable(),
    end_reason: z.enum(STOP_REASONS).nullable(),
    trace_id: traceId,
  })
  .meta({ id: 'Allocation' })
export type AllocationView = z.infer<typeof allocationView>
