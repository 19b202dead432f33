import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { ms } from '../columns.ts'

export const WEIGHT_MODES = ['plain', 'timelocked', 'hash'] as const
/**
 * Where one setting of weights stands. `planned`: nothing was sent. `sending`: it may be on chain, or come there until `deadBlock`.
 * `included`: the chain took it; in the open it is to be read back, a commitment is to be revealed first. `revealing`: our own reveal of a
 * hash commitment may be on chain. Final: `confirmed` (read back as sent), `lost` (it never came to be), `different` (others stand there),
 * `refused` (by the chain, with a reason), `dropped` (superseded before anything was sent).
 */
export const CYCLE_STATES = ['planned', 'sending', 'included', 'revealing', 'confirmed', 'lost', 'different', 'refused', 'dropped'] as const
export type CycleState = (typeof CYCLE_STATES)[number]

/** One row each time weights are set. The newest fifty are kept. */
export const weightCycles = sqliteTable('weight_cycles', {
  id: integer().primaryKey({ autoIncrement: true }),
  hotkey: text().notNull(),
  netuid: integer().notNull(),
  mechanism: integer().notNull(),
  mode: text({ enum: WEIGHT_MODES }).notNull(),
  state: text({ enum: CYCLE_STATES }).notNull(),
  uids: text({ mode: 'json' }).$type<number[]>().notNull(),
  /** Whom the uids were when it was planned. */
  hotkeys: text({ mode: 'json' }).$type<string[]>().notNull(),
  /** u16 each, the largest 65535. */
  values: text({ mode: 'json' }).$type<number[]>().notNull(),
  /** u64 as text. */
  versionKey: text().notNull(),
  /** Of a hash commitment. */
  salt: text({ mode: 'json' }).$type<number[]>(),
  plannedBlock: integer().notNull(),
  /** From this block on what was sent can no longer be included. */
  deadBlock: integer(),
  includedBlock: integer(),
  /** Drand round of a timelocked one. */
  round: integer(),
  revealBlock: integer(),
  /** Block of the last read-back; null: none yet. */
  readBlock: integer(),
  readAt: ms(),
  attempts: integer().notNull(),
  /** Why it is where it is, for people. */
  reason: text(),
  at: ms().notNull(),
})
