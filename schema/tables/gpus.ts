import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { bool, ms } from './columns.ts'

/** One physical device, keyed by who shows it and its UUID. Never deleted: `gone_at` says since when it is not seen. */
export const gpus = sqliteTable(
  'gpus',
  {
    hotkey: text().notNull(),
    uuid: text().notNull(),
    idx: integer().notNull(),
    model: text().notNull(),
    /** Lower case, for matching a part of the name without a scan of every row's case folding. */
    modelKey: text().notNull(),
    vramMb: integer().notNull(),
    simulated: bool().notNull(),
    /** The live claim. Kept by triggers on `claims`, never written by hand: it makes free GPUs an index. */
    claimedBy: text(),
    /** Milliseconds under rents that are over. Kept by a trigger on `claims`, never written by hand: it only grows. */
    rentedMs: integer().notNull().default(0),
    missing: integer().notNull().default(0),
    /** When it last stood in a valid proof of any validator; and what `rentedMs` was then. */
    provedAt: ms(),
    provedRentedMs: integer(),
    /** When a rent of it was over; null again once a proof had it. Kept by a trigger on `claims`, never written by hand. */
    releasedAt: ms(),
    firstSeenAt: ms().notNull(),
    seenAt: ms().notNull(),
    goneAt: ms(),
  },
  (t) => [
    primaryKey({ columns: [t.hotkey, t.uuid] }),
    index('gpus_free')
      .on(t.hotkey, t.modelKey, t.vramMb)
      .where(sql`claimed_by IS NULL AND gone_at IS NULL`),
    index('gpus_uuid').on(t.uuid),
  ],
)

/**
 * Which incarnation of an allocation holds which GPU, kept as history.
 * The partial unique index makes double booking impossible, whatever the code above it does.
 */
export const claims = sqliteTable(
  'claims',
  {
    allocationId: text().notNull(),
    incarnation: integer().notNull(),
    hotkey: text().notNull(),
    uuid: text().notNull(),
    claimedAt: ms().notNull(),
    freedAt: ms(),
  },
  (t) => [
    primaryKey({ columns: [t.allocationId, t.incarnation, t.hotkey, t.uuid] }),
    uniqueIndex('claims_live')
      .on(t.hotkey, t.uuid)
      .where(sql`freed_at IS NULL`),
  ],
)
