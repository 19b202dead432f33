import { sql } from 'drizzle-orm'
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { DESIRED, type Failure, PHASES, type Progress, PURPOSES, STOP_REASONS } from '../allocation.ts'
import type { Limits } from '../sync.ts'
import { bool, ms } from './columns.ts'

/** What the client asked for; read again at every failover. */
export type Spec = {
  gpu: { count: number | 'all'; model?: string | undefined; min_vram_gb?: number | undefined }
  host: { min_cpus?: number | undefined; min_memory_gb?: number | undefined; min_disk_gb?: number | undefined }
  hotkey?: string | undefined
  image: string
  env: Record<string, string>
  init: string[][]
  ready_by_s: number
}

export type Tried = { hotkey: string; reason: string; at: number }

/** These GPUs of this miner, for this holder, until then. Three groups of columns, each with one writer (DESIGN §4). */
export const allocations = sqliteTable(
  'allocations',
  {
    id: text().primaryKey(),
    purpose: text({ enum: PURPOSES }).notNull(),
    /** Tenant of a rent, validator hotkey of a proof. */
    holder: text().notNull(),
    keyId: text(),
    name: text(),
    idempotencyKey: text(),
    bodyHash: text(),
    traceId: text().notNull(),
    createdAt: ms().notNull(),

    // wish: edge verbs only
    desired: text({ enum: DESIRED }).notNull(),
    stopReason: text({ enum: STOP_REASONS }),
    stopAt: ms(),
    generation: integer().notNull(),
    incarnation: integer().notNull(),
    restartN: integer().notNull().default(0),
    keysN: integer().notNull().default(0),
    sshKeys: text({ mode: 'json' }).$type<string[]>().notNull(),
    expiresAt: ms().notNull(),
    spec: text({ mode: 'json' }).$type<Spec>().notNull(),
    limits: text({ mode: 'json' }).$type<Limits>().notNull(),
    hotkey: text().notNull(),
    exclusive: bool().notNull(),
    gpuWant: integer().notNull(),
    gpuGot: integer().notNull(),
    tried: text({ mode: 'json' }).$type<Tried[]>().notNull(),
    readyBy: ms().notNull(),

    // fact: sync only
    phase: text({ enum: PHASES }).notNull().default('none'),
    factIncarnation: integer().notNull().default(0),
    observedGeneration: integer().notNull().default(0),
    observedRestartN: integer().notNull().default(0),
    observedKeysN: integer().notNull().default(0),
    error: text({ mode: 'json' }).$type<Failure>(),
    progress: text({ mode: 'json' }).$type<Progress>(),
    host: text(),
    port: integer(),
    user: text(),
    hostKey: text(),
    hostKeySignature: text(),
    ackedAt: ms(),
    readyAt: ms(),
    factAt: ms(),
    /** When this placement is given up unless the fact moves; null once it has been ready. */
    deadlineAt: ms(),

    // sweep only
    unreachableSince: ms(),
    /** When the tenant is next warned that the lease runs out; null: no more. Set with `expiresAt`, moved by sweep. */
    warnAt: ms(),
    /** Since when a GPU of it is missing from the reports of its host. */
    degradedAt: ms(),
    endedAt: ms(),
    endReason: text({ enum: STOP_REASONS }),
  },
  (t) => [
    check('gpus_all_or_nothing', sql`gpu_got IN (0, gpu_want)`),
    uniqueIndex('allocations_idempotency')
      .on(t.holder, t.idempotencyKey)
      .where(sql`idempotency_key IS NOT NULL`),
    index('allocations_wish')
      .on(t.hotkey)
      .where(sql`ended_at IS NULL`),
    index('allocations_holder').on(t.holder, t.id),
    index('allocations_key')
      .on(t.keyId)
      .where(sql`desired <> 'stop'`),
    index('allocations_expiry')
      .on(t.expiresAt)
      .where(sql`desired <> 'stop'`),
    index('allocations_warn')
      .on(t.warnAt)
      .where(sql`warn_at IS NOT NULL AND desired <> 'stop'`),
    index('allocations_away')
      .on(t.hotkey)
      .where(sql`unreachable_since IS NOT NULL AND ended_at IS NULL`),
    index('allocations_deadline')
      .on(t.deadlineAt)
      .where(sql`deadline_at IS NOT NULL`),
    index('allocations_ending')
      .on(t.stopAt)
      .where(sql`desired = 'stop' AND ended_at IS NULL`),
  ],
)

/** An incarnation that failed over to another miner: its old host is told to stop it until it says gone. */
export const tombstones = sqliteTable(
  'tombstones',
  {
    allocationId: text().notNull(),
    incarnation: integer().notNull(),
    hotkey: text().notNull(),
    generation: integer().notNull(),
    traceId: text().notNull(),
    reason: text().notNull(),
    madeAt: ms().notNull(),
    goneAt: ms(),
  },
  (t) => [
    primaryKey({ columns: [t.allocationId, t.incarnation] }),
    index('tombstones_wish')
      .on(t.hotkey)
      .where(sql`gone_at IS NULL`),
  ],
)
