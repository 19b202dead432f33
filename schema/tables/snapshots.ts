import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { SNAPSHOT_OUTCOMES, SNAPSHOT_STATES, type SnapshotNeuron } from '../snapshot.ts'
import { ms } from './columns.ts'

/**
 * `seen`: changes that were new with this snapshot, of so many `known` agents; `counts`: what changed, by kind; `hotkeys`: the first 20 of them.
 * `same`: a digest of who changes to what, alike for snapshots that change the same; rows of before have none.
 */
export type RoleChanges = { seen: number; known: number; counts: Record<string, number>; hotkeys: string[]; same?: string }

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
    /** Kept of the one that is applied and of one that is held: whoever sends a snapshot brings them, so no other needs them. */
    neurons: text({ mode: 'json' }).$type<SnapshotNeuron[]>().notNull(),
    uids: integer().notNull(),
    state: text({ enum: SNAPSHOT_STATES }).notNull(),
    /** What it changed, or would change if it is held: for people. */
    detail: text({ mode: 'json' }).$type<RoleChanges>().notNull(),
    /** Random per decision: later statements of its batch are guarded by it. */
    token: text(),
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
