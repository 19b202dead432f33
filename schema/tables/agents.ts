import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { DRIVERS } from '../allocation.ts'
import { DISKS, NETWORKS, ROLES } from '../miner.ts'
import { bool, ms } from './columns.ts'

export const AGENT_STANDINGS = ['active', 'draining', 'removed'] as const
export const ONLINE = ['online', 'suspect', 'unreachable'] as const
export type Online = (typeof ONLINE)[number]

/** Who may act, and as what. Written by `admin allow` in development, by metagraph snapshots elsewhere. */
export const agents = sqliteTable(
  'agents',
  {
    hotkey: text().primaryKey(),
    role: text({ enum: ROLES }).notNull(),
    standing: text({ enum: AGENT_STANDINGS }).notNull().default('active'),
    source: text({ enum: ['allow', 'snapshot'] }).notNull(),
    /** On the subnet, as the last applied snapshot has it. Null: the chain does not know it, or nobody asked the chain. */
    uid: integer(),
    coldkey: text(),
    /** Of validators: total stake in rao, as the last applied snapshot has it. */
    stake: text(),
    /** Why it drains: a person said so (which also outlives a removal), or the chain. Null: it does not drain. */
    drainedBy: text({ enum: ['operator', 'chain'] }),
    changedAt: ms().notNull(),
  },
  // Hotkeys that were here once stay for ever; a snapshot must not read them all.
  (t) => [
    index('agents_present')
      .on(t.hotkey)
      .where(sql`uid IS NOT NULL OR source = 'allow'`),
  ],
)

/** One row a registered miner: its install, the last report taken, and what its host offers. */
export const miners = sqliteTable(
  'miners',
  {
    hotkey: text()
      .primaryKey()
      .references(() => agents.hotkey),
    install: text().notNull(),
    boot: text(),
    seq: integer().notNull().default(0),
    /** Random per accepted report: later statements of the same batch are guarded by it. */
    syncToken: text(),
    protocol: integer().notNull(),
    version: text().notNull(),
    /** Raised by every change of this miner's wish, by triggers. */
    wishVersion: integer().notNull().default(0),
    /** Wish version the agent last said it holds. */
    ackedVersion: integer().notNull().default(0),
    online: text({ enum: ONLINE }).notNull().default('online'),
    onlineAt: ms(),
    /** The last full report is younger than FRESH_MS, as far as its shard knows. */
    fresh: bool().notNull().default(true),
    /** Minutes it was seen to be unreachable, without a gap. */
    silentMinutes: integer().notNull().default(0),
    /** Hash of the last report that was written: one like it costs no row. */
    reportDigest: text(),
    engineOk: bool().notNull().default(true),
    engineError: text(),
    /** Set when a live allocation died unheard; no new claim until a full report proves the host empty. */
    heldSince: ms(),
    driver: text({ enum: DRIVERS }).notNull(),
    isolation: text().notNull(),
    disk: text({ enum: DISKS }).notNull().default('shared'),
    network: text({ enum: NETWORKS }).notNull().default('open'),
    simulated: bool().notNull(),
    address: text().notNull(),
    cpus: integer().notNull(),
    memoryMb: integer().notNull(),
    diskFreeMb: integer().notNull(),
    gpuError: text(),
    unexplained: integer().notNull().default(0),
    foreignContainers: integer().notNull().default(0),
    registeredAt: ms().notNull(),
    reportAt: ms(),
    fullReportAt: ms(),
    /** Stake-weighted median of what validators published of late, 0 to 100. Null: none of them proved anything of it. */
    score: real(),
  },
  (t) => [
    index('miners_fresh').on(t.fullReportAt),
    index('miners_scored')
      .on(t.score)
      .where(sql`score IS NOT NULL`),
    index('miners_away')
      .on(t.online, t.onlineAt)
      .where(sql`online <> 'online'`),
  ],
)

/** Images a miner runs (its own allow-list), and which of them are on its disk. */
export const minerImages = sqliteTable('miner_images', { hotkey: text().notNull(), reference: text().notNull(), warm: bool().notNull() }, (t) => [
  primaryKey({ columns: [t.hotkey, t.reference] }),
  index('miner_images_reference').on(t.reference, t.hotkey),
])
