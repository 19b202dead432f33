import { sql } from 'drizzle-orm'
import * as z from 'zod'
import { Problem } from '../../schema/problem.ts'
import type { Ctx } from '../ctx.ts'
import { record } from '../store/audit.ts'
import { retrying, write } from '../store/db.ts'

/** Rules that refuse a mass change until a person confirms. `unreachable`: too many miners went away at once, so no rental is ended for it. */
export const BRAKES = ['unreachable'] as const
export type BrakeName = (typeof BRAKES)[number]

/** What liveness writes into the settings row `brake`. */
const row = z.object({ since: z.number(), unreachable: z.number(), total: z.number(), released_at: z.number().nullish() })

export type Brake = { name: BrakeName; sinceMs: number; unreachable: number; total: number; releasedMs: number | null }

/** A settings value as a brake. */
export function readBrake(value: string | undefined): Brake | null {
  if (value === undefined) return null
  const { since, unreachable, total, released_at } = row.parse(JSON.parse(value))
  return { name: 'unreachable', sinceMs: since, unreachable, total, releasedMs: released_at ?? null }
}

/** The brakes that are engaged, or were and are released while the reason lasts. */
export async function brakes(ctx: Ctx): Promise<Brake[]> {
  const rows = await retrying(() => ctx.db.all<{ value: string }>(sql`SELECT value FROM settings WHERE name = 'brake'`))
  const brake = readBrake(rows[0]?.value)
  return brake ? [brake] : []
}

/** Lets the change happen: what the brake held back is done from the next sweep on. Idempotent. Throws `not_found` when it is not engaged. */
export async function releaseBrake(ctx: Ctx, { actor, name }: { actor: string; name: BrakeName }): Promise<void> {
  const [changed] = await write(ctx.db, [
    sql`UPDATE settings SET value = json_set(value, '$.released_at', coalesce(value ->> 'released_at', ${ctx.now()})) WHERE name = 'brake' RETURNING value`,
    record(ctx, actor, 'release_brake', name, {}, sql`EXISTS (SELECT 1 FROM settings WHERE name = 'brake')`),
  ])
  if (changed?.length === 0) throw new Problem('not_found', `the brake "${name}" is not engaged`)
  ctx.log.info('brake_released', { name, actor })
}
