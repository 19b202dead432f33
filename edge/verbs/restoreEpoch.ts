import { sql } from 'drizzle-orm'
import * as z from 'zod'
import type { Report } from '../../schema/sync.ts'
import type { Ctx } from '../ctx.ts'
import { lately, record } from '../store/audit.ts'
import { write } from '../store/db.ts'
import { skipEvents } from '../store/events.ts'
import type { Standing } from '../store/wishes.ts'

/** No edge was restored so often: a report that says so is not believed, or one miner could use up all epochs. */
const PLAUSIBLE = 1000
/** Enough for a person to see whether it is one miner or all of them. */
const NAMED = 20
/** One in so many may lie: it alone calls nobody at night. In a small market one is all there may be. */
const ALONE = 20

type Held = { hotkey: string; report: Pick<Report, 'wish'>; standing: Pick<Standing, 'epoch' | 'version' | 'standing'> }

/** Miners that hold a wish newer than ours: since when (ms), at most 20 of them, and how many miners there were. `believed`: the database was restored. */
export type Rollback = { since: number; hotkeys: string[]; total: number; believed: boolean }

const row = z.object({ since: z.number(), hotkeys: z.array(z.string()), total: z.number().default(0) })

/** The settings value `restored`. */
export function readRollback(value: string | undefined): Rollback | null {
  if (value === undefined) return null
  const told = row.parse(JSON.parse(value))
  return { ...told, believed: told.hotkeys.length > 1 || told.total <= ALONE }
}

/**
 * A miner that holds a wish newer than any this database gave shows that the database was rolled back. It is written down for `health`,
 * once a miner; until `restoreEpoch` such a miner keeps to the wish it holds. An ordinary report costs no statement here.
 * Who is draining is not believed, so that a person can silence one that lies.
 */
export async function noticeRollback(ctx: Ctx, { hotkey, report: { wish }, standing }: Held): Promise<void> {
  const { epoch, version } = standing
  if (standing.standing !== 'active') return
  if (!wish || wish.epoch < epoch || wish.epoch > epoch + PLAUSIBLE || (wish.epoch === epoch && wish.version <= (version ?? 0))) return
  const [told] = await write(ctx.db, [
    sql`INSERT INTO settings (name, value) SELECT 'restored', json_object('since', ${ctx.now()}, 'epoch', ${wish.epoch}, 'hotkeys', json_array(${hotkey}), 'total', (SELECT count(*) FROM miners))
      FROM settings e WHERE e.name = 'epoch' AND e.value = ${String(epoch)}
      ON CONFLICT (name) DO UPDATE SET value = json_set(settings.value, '$.epoch', max(settings.value ->> 'epoch', ${wish.epoch}), '$.hotkeys[#]', ${hotkey})
      WHERE json_array_length(settings.value, '$.hotkeys') < ${NAMED} AND NOT EXISTS (SELECT 1 FROM json_each(settings.value, '$.hotkeys') h WHERE h.value = ${hotkey})
      RETURNING name`,
  ])
  if (told?.length) ctx.log.error('database_looks_restored', { hotkey, epoch, version: version ?? 0, held_epoch: wish.epoch, held_version: wish.version })
}

/**
 * Begins a new epoch of wishes, above every one an agent said it holds: each agent takes its wish again, whatever versions it saw before
 * the database was restored. Events go on above every id that was ever given, or who follows them would see none of the next ones.
 * Idempotent within one request. @returns the new epoch
 */
export async function restoreEpoch(ctx: Ctx, { actor }: { actor: string }): Promise<{ epoch: number }> {
  const first = sql`NOT EXISTS (SELECT 1 FROM audit d WHERE ${lately} AND d.trace_id = ${ctx.trace} AND d.action = 'restore_epoch')`
  const results = await write(ctx.db, [
    sql`UPDATE settings SET value = CAST(max(CAST(value AS INTEGER), coalesce((SELECT r.value ->> 'epoch' FROM settings r WHERE r.name = 'restored'), 0)) + 1 AS TEXT)
      WHERE name = 'epoch' AND ${first}`,
    ...skipEvents(ctx.now(), first),
    record(ctx, actor, 'restore_epoch', 'edge', sql`json_object('epoch', (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'epoch'))`, first),
    sql`DELETE FROM settings WHERE name = 'restored'`,
    sql`SELECT DISTINCT hotkey FROM allocations WHERE ended_at IS NULL LIMIT 500`,
    sql`SELECT CAST(value AS INTEGER) AS epoch FROM settings WHERE name = 'epoch'`,
  ])
  // Who has rentals is told now; the others ask within ten minutes by themselves.
  for (const { hotkey } of (results.at(-2) ?? []) as { hotkey: string }[]) ctx.defer('wake', ctx.hub(hotkey).wake(hotkey))
  const epoch = Number(results.at(-1)?.[0]?.['epoch'])
  ctx.log.info('epoch_restored', { epoch, actor })
  return { epoch }
}
