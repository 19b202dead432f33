import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Scope } from '../keys.ts'
import { ms } from './columns.ts'

/** API keys. Only the hash of the secret half is kept. */
export const apiKeys = sqliteTable(
  'api_keys',
  {
    id: text().primaryKey(),
    tenant: text().notNull(),
    name: text().notNull(),
    secretHash: text().notNull(),
    scopes: text({ mode: 'json' }).$type<Scope[]>().notNull(),
    maxGpus: integer().notNull(),
    maxAllocations: integer().notNull(),
    maxLeaseHours: integer().notNull(),
    requestsPerMinute: integer().notNull(),
    allocationsPerMinute: integer().notNull(),
    createdAt: ms().notNull(),
    revokedAt: ms(),
  },
  (t) => [index('api_keys_tenant').on(t.tenant)],
)

/** Every administrative act. Append-only: triggers refuse update and delete. */
export const audit = sqliteTable('audit', {
  id: integer().primaryKey({ autoIncrement: true }),
  at: ms().notNull(),
  actor: text().notNull(),
  action: text().notNull(),
  subject: text().notNull(),
  detail: text({ mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  traceId: text().notNull(),
})
