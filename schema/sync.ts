import * as z from 'zod'
import { argv, DESIRED, env, failure, PHASES, progress } from './allocation.ts'
import { hotkey } from './hotkey.ts'
import { allocationId, bootId, installId, traceId } from './ids.ts'
import { imageReference } from './image.ts'
import { hostFacts, hostName, ROLES } from './miner.ts'
import { sshPublicKey } from './ssh.ts'

const count = z.number().int().nonnegative()
const port = z.number().int().min(1).max(65535)

/** First word of an agent: who it is and what it runs on. Binds hotkey to install. */
export const registration = z.object({
  protocol: z.number().int().positive(),
  version: z.string().max(64),
  role: z.enum(ROLES),
  install: installId,
  facts: hostFacts.optional(),
})
export type Registration = z.infer<typeof registration>

export const registered = z.object({ protocol: z.number().int(), epoch: z.number().int(), server_time_ms: z.number().int() })

/** Binds the hotkey to another install, whatever the first one still runs: what was rented there is lost. */
export const takeover = z.object({ install: installId, from: installId.meta({ description: 'The install to take over from; another one is a conflict' }) })
export type Takeover = z.infer<typeof takeover>

/** Rentals that ended as lost, and placements that go to another miner. Both are empty when the install spoke for the hotkey already. */
export const takenOver = z.object({ lost: z.array(allocationId), moved: z.array(allocationId) })
export type TakenOver = z.infer<typeof takenOver>

/** The fact about one container (or about a wish entry that has none). */
export const allocationFact = z
  .object({
    id: allocationId,
    incarnation: z.number().int().positive(),
    phase: z.enum(PHASES),
    observed_generation: count,
    restart_n: count,
    keys_n: count,
    error: failure.nullable(),
    progress: progress.nullable(),
    endpoint: z
      .object({
        host: hostName,
        port,
        user: z
          .string()
          .max(32)
          .regex(/^[a-z_][a-z0-9_-]*$/),
        host_key: sshPublicKey,
        signature: z.string().regex(/^0x[0-9a-f]{128}$/),
      })
      .nullable(),
    /** Milliseconds that each stage of making it took, as the agent measured them. Since protocol 2. */
    took: z.partialRecord(progress.shape.stage, count).optional(),
    trace: traceId,
  })
  .refine((f) => f.phase !== 'running' || f.endpoint !== null, { path: ['endpoint'], message: 'what runs can be reached: say where' })
export type AllocationFact = z.infer<typeof allocationFact>

const once = (facts: { id: string; incarnation: number }[]) => new Set(facts.map((f) => `${f.id}/${f.incarnation}`)).size === facts.length

/**
 * What goes up. Every report lists every container of ours; hardware facts only when `facts` is there.
 * `seq` grows strictly for one install, over restarts too. Absence of an allocation says nothing: gone is said, never implied.
 */
export const report = z.object({
  protocol: z.number().int().positive(),
  version: z.string().max(64),
  install: installId,
  boot: bootId,
  seq: z.number().int().positive(),
  wish: z.object({ epoch: count, version: count }).nullable(),
  engine: z.object({ ok: z.boolean(), message: z.string().max(1000) }),
  allocations: z.array(allocationFact).max(256).refine(once, 'each incarnation of an allocation once'),
  unexplained: z.array(z.object({ id: allocationId, incarnation: z.number().int().positive() })).max(256),
  foreign: count,
  facts: hostFacts.nullable(),
})
export type Report = z.infer<typeof report>

/** Hard bounds of one container, computed by the edge, held to the agent's own ceilings. */
export const limits = z.object({ cpus: z.number().positive(), memory_mb: count, shm_mb: count, disk_gb: count, pids: count })
export type Limits = z.infer<typeof limits>

const identity = { id: allocationId, incarnation: z.number().int().positive(), generation: count, trace: traceId }

/** A container that should exist. It never says what for. */
export const wishRun = z.object({
  kind: z.literal('container'),
  ...identity,
  desired: z.enum(DESIRED),
  restart_n: count,
  keys_n: count,
  ssh_keys: z.array(z.string().max(8192)).max(16),
  expires_at_ms: z.number().int(),
  gpus: z.array(z.string()).max(64),
  image: imageReference,
  env,
  init: z.array(argv),
  limits,
})
export type WishRun = z.infer<typeof wishRun>

/** A container that must not exist, kept until the fact says gone. */
export const wishTombstone = z.object({ kind: z.literal('tombstone'), ...identity })
export type WishTombstone = z.infer<typeof wishTombstone>

export const wishEntry = z.discriminatedUnion('kind', [wishRun, wishTombstone])
export type WishEntry = z.infer<typeof wishEntry>

/** Claims of the JWS that comes down. The agent refuses a lower (epoch, version), another audience or install. */
export const wish = z.object({
  iss: hotkey,
  aud: hotkey,
  install: installId,
  protocol: z.number().int().positive(),
  epoch: count,
  version: count,
  issued_at_ms: z.number().int(),
  allocations: z.array(z.unknown()),
})
export type Wish = Omit<z.infer<typeof wish>, 'allocations'> & { allocations: WishEntry[] }

/** Room for 64 containers with all the keys, env and init a client may send. */
export const syncReply = z.object({ wish: z.string().max(8_000_000) })

/** Claims of the edge's self-description, signed by its key so that a registration string can pin it. */
export const edgeIdentity = z.object({
  address: hotkey,
  netuid: z.number().int(),
  protocol: z.object({ newest: z.number().int(), oldest: z.number().int() }),
  environment: z.enum(['development', 'production']),
  keys: z
    .array(z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string() }))
    .min(1)
    .max(2),
})
export type EdgeIdentity = z.infer<typeof edgeIdentity>

export const JWS_TYPE = { wish: 'compute-wish+jws', identity: 'compute-identity+jws' } as const
