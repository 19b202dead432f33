import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { SNAPSHOT_OUTCOMES, SNAPSHOT_STATES, type SnapshotNeuron } from '../snapshot.ts'
import { ms } from './columns.ts'

/** What trusted validators say the chain says, one row for each different content. Old rows are pruned. */
export const snapshots = sqliteTable(
  'snapshots',
  {
    digest: text().primaryKey(),
    netuid: integer().notNull(),
    genesis: text().notNull(),
    block: integer().notNull(),
    blockHash: text().notNull(),
    /** Of the block, by the chain's clock. */
    chainAt: ms().notNull(),
    ownerHotkey: text(),
    neurons: text({ mode: 'json' }).$type<SnapshotNeuron[]>().notNull(),
    uids: integer().notNull(),
    state: text({ enum: SNAPSHOT_STATES }).notNull(),
    /** Why it is held, or what it changed: for people. */
    detail: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    firstAt: ms().notNull(),
    /** When the majority had said so; null: it has not. */
    agreedAt: ms(),
    appliedAt: ms(),
  },
  (t) => [index('snapshots_block').on(t.block), index('snapshots_state').on(t.state, t.block)],
)

/** Every snapshot that was sent, also those that changed nothing: the latest of each validator are kept. */
export const snapshotPosts = sqliteTable(
  'snapshot_posts',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: ms().notNull(),
    hotkey: text().notNull(),
    netuid: integer().notNull(),
    block: integer().notNull(),
    digest: text().notNull(),
    outcome: text({ enum: SNAPSHOT_OUTCOMES }).notNull(),
    traceId: text().notNull(),
  },
  (t) => [index('snapshot_posts_hotkey').on(t.hotkey, t.id), index('snapshot_posts_digest').on(t.digest, t.hotkey)],
)
