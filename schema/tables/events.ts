import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { EVENT_KINDS, type EventKind } from '../event.ts'
import { ms } from './columns.ts'

/** Something a client is told. The id only grows, so a stream can be resumed after it. */
export const events = sqliteTable(
  'events',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    at: ms().notNull(),
    holder: text().notNull(),
    allocationId: text().notNull(),
    kind: text({ enum: EVENT_KINDS }).notNull(),
    data: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
    traceId: text().notNull(),
  },
  (t) => [index('events_holder').on(t.holder, t.id), index('events_allocation').on(t.allocationId, t.id)],
)

export const webhooks = sqliteTable(
  'webhooks',
  {
    id: text().primaryKey(),
    holder: text().notNull(),
    url: text().notNull(),
    secret: text().notNull(),
    kinds: text({ mode: 'json' }).$type<EventKind[]>().notNull(),
    createdAt: ms().notNull(),
    disabledAt: ms(),
  },
  (t) => [index('webhooks_holder').on(t.holder)],
)

/** One delivery of one event to one webhook, leased by whoever sends it. */
export const outbox = sqliteTable(
  'outbox',
  {
    id: integer().primaryKey({ autoIncrement: true }),
    eventId: integer()
      .notNull()
      .references(() => events.id),
    webhookId: text()
      .notNull()
      .references(() => webhooks.id),
    attempts: integer().notNull().default(0),
    dueAt: ms().notNull(),
    leasedUntil: ms(),
    lastStatus: integer(),
    lastError: text(),
    deliveredAt: ms(),
    deadAt: ms(),
  },
  (t) => [
    uniqueIndex('outbox_once').on(t.eventId, t.webhookId),
    index('outbox_due')
      .on(t.dueAt)
      .where(sql`delivered_at IS NULL AND dead_at IS NULL`),
  ],
)

/** Single facts of this edge: the epoch of its wishes, the last tick of cron. */
export const settings = sqliteTable('settings', { name: text().primaryKey(), value: text().notNull() })
