import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { bool, ms } from './columns.ts'

export const PUBLICATION_KINDS = ['scores', 'penalties'] as const

/** The latest of each kind that a validator published, as it was signed. What a validator that is gone said is pruned, rows and all. */
export const publications = sqliteTable(
  'publications',
  {
    kind: text({ enum: PUBLICATION_KINDS }).notNull(),
    validator: text().notNull(),
    /** By the clock of its validator. */
    at: ms().notNull(),
    block: integer().notNull(),
    /** What was signed: alike for the same content, whatever the signature. */
    statement: text().notNull(),
    document: text().notNull(),
    takenAt: ms().notNull(),
  },
  (t) => [primaryKey({ columns: [t.kind, t.validator] })],
)

/** What stands in `publications`, a row for each registered miner. As old as the publication it is from. */
export const scores = sqliteTable(
  'scores',
  {
    validator: text().notNull(),
    hotkey: text().notNull(),
    score: real().notNull(),
    model: text(),
    count: integer(),
    own: bool().notNull(),
  },
  (t) => [primaryKey({ columns: [t.validator, t.hotkey] }), index('scores_hotkey').on(t.hotkey)],
)

/** As `scores`. */
export const penalties = sqliteTable(
  'penalties',
  {
    validator: text().notNull(),
    hotkey: text().notNull(),
    reason: text().notNull(),
    fromAt: ms().notNull(),
    /** Null: until it is pardoned. */
    untilAt: ms(),
  },
  (t) => [primaryKey({ columns: [t.validator, t.hotkey] }), index('penalties_hotkey').on(t.hotkey)],
)
