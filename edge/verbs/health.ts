import { sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'
import { retrying } from '../store/db.ts'

/** Red when cron has not swept for this long. */
const SWEEP_LATE_MS = 3 * 60_000

export type Health = { ok: boolean; checks: { name: string; ok: boolean; detail: string }[] }

/** What a person at 3 a.m. asks first. Every red check says what is wrong. */
export async function health(ctx: Ctx): Promise<Health> {
  const rows = await retrying(() => ctx.db.all<{ name: string; value: string }>(sql`SELECT name, value FROM settings`))
  const sweptAt = Number(rows.find((r) => r.name === 'swept_at')?.value ?? 0)
  const age = Math.round((ctx.now() - sweptAt) / 1000)
  const checks = [
    { name: 'settings', ok: true, detail: 'complete' },
    { name: 'database', ok: rows.length > 0, detail: rows.length > 0 ? 'answers' : 'not migrated: run npm run deploy' },
    { name: 'sweep', ok: ctx.now() - sweptAt < SWEEP_LATE_MS, detail: sweptAt === 0 ? 'never ran: is the cron trigger set?' : `${age} s ago` },
  ]
  return { ok: checks.every((c) => c.ok), checks }
}
