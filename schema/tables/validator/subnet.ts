import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Factors, Gpus } from '../../score.ts'
import type { Penalties, Scores } from '../../publication.ts'
import type { StateMiner } from '../../validator-state.ts'
import { bool, ms } from '../columns.ts'

/** Whom this validator has seen on the subnet. A hotkey that leaves takes everything of it along, whoever sits on its uid next. */
export const neurons = sqliteTable('neurons', {
  hotkey: text().primaryKey(),
  uid: integer().notNull(),
  coldkey: text().notNull(),
  /** Block. A hotkey that left and came back is somebody new. */
  registeredAt: integer().notNull(),
  /** When this registration was seen first. */
  seenAt: ms().notNull(),
})

/** What the edge said of a miner, last time it was asked. */
export const specs = sqliteTable('specs', {
  hotkey: text().primaryKey(),
  miner: text({ mode: 'json' }).$type<StateMiner>().notNull(),
  at: ms().notNull(),
})

/** The score a miner has, and everything it came from. One that could not be computed stays as it was until it is too old. */
export const stats = sqliteTable('stats', {
  hotkey: text().primaryKey(),
  uid: integer().notNull(),
  gpus: text({ mode: 'json' }).$type<Gpus>(),
  /** 0 to 100. */
  score: real().notNull(),
  allocated: bool().notNull(),
  ownScore: bool().notNull(),
  reliability: real().notNull(),
  factors: text({ mode: 'json' }).$type<Factors>().notNull(),
  block: integer().notNull(),
  at: ms().notNull(),
})

/** What this validator punishes. */
export const penalties = sqliteTable('penalties', {
  hotkey: text().primaryKey(),
  reason: text().notNull(),
  from: ms().notNull(),
  /** Null: until it is pardoned. */
  until: ms(),
})

/** What other validators published last, with signatures that held. */
export const peers = sqliteTable('peers', {
  validator: text().primaryKey(),
  scores: text({ mode: 'json' }).$type<Scores>(),
  penalties: text({ mode: 'json' }).$type<Penalties>(),
})

/** How far each loop got, so that a restart goes on and does not begin. */
export const progress = sqliteTable('progress', {
  job: text().primaryKey(),
  /** Block it last ran at, whatever came of it. */
  block: integer().notNull(),
  at: ms().notNull(),
  /** Why the last run failed; null: it did not. */
  trouble: text(),
})
