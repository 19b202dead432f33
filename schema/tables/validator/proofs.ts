import { index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { ProofEvidence } from '../../evidence.ts'
import { PROOF_RESULTS } from '../../proof.ts'
import { bool, ms } from '../columns.ts'

/** A card that was proved: what the proof says it is, and how long it had ever been rented then. */
export type ProvedGpu = { uuid: string; model: string; rentedMs: number }

/** One proof round of one miner. The newest four of a hotkey are kept, as the original did, and what decides besides for seven days. */
export const proofs = sqliteTable(
  'proofs',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    hotkey: text().notNull(),
    result: text({ enum: PROOF_RESULTS }).notNull(),
    /** Empty unless valid. */
    gpus: text({ mode: 'json' }).$type<ProvedGpu[]>().notNull(),
    /** Simulated cards count in development only. */
    simulated: bool().notNull(),
    /** Why it is not valid. */
    reason: text(),
    /** Null: there is none, as of a proof that was recorded and not made. */
    evidence: text({ mode: 'json' }).$type<ProofEvidence>(),
    durationMs: integer().notNull(),
    block: integer().notNull(),
    at: ms().notNull(),
  },
  (t) => [index('proofs_hotkey').on(t.hotkey, t.id)],
)

/** A liveness challenge: whether the host answered in time. The newest sixty of a hotkey are kept. */
export const challenges = sqliteTable(
  'challenges',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    hotkey: text().notNull(),
    success: bool().notNull(),
    elapsedMs: real().notNull(),
    at: ms().notNull(),
  },
  (t) => [index('challenges_hotkey').on(t.hotkey, t.id)],
)
