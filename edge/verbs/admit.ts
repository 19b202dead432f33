import { and, asc, eq, ne, sql } from 'drizzle-orm'
import type { Role } from '../../schema/miner.ts'
import { Problem } from '../../schema/problem.ts'
import { agents } from '../../schema/tables/index.ts'
import type { Ctx } from '../ctx.ts'
import { record } from '../store/audit.ts'
import { retrying, write } from '../store/db.ts'

/** The role a hotkey may act in, or null when it may not act at all. A draining one may still sync and finish. */
export async function roleOf(ctx: Ctx, hotkey: string): Promise<Role | null> {
  const [row] = await retrying(() =>
    ctx.db
      .select({ role: agents.role })
      .from(agents)
      .where(and(eq(agents.hotkey, hotkey), ne(agents.standing, 'removed'))),
  )
  return row?.role ?? null
}

/** Lets a hotkey act. Allowing it again with another role changes the role; not while something is rented there (`conflict`). */
export async function allow(ctx: Ctx, { actor, hotkey, role }: { actor: string; hotkey: string; role: Role }): Promise<void> {
  const [, , after] = await write(ctx.db, [
    sql`INSERT INTO agents (hotkey, role, standing, source, changed_at) VALUES (${hotkey}, ${role}, 'active', 'allow', ${ctx.now()})
      ON CONFLICT (hotkey) DO UPDATE SET role = excluded.role, standing = 'active', source = 'allow', changed_at = excluded.changed_at
      WHERE role = excluded.role OR NOT EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = excluded.hotkey AND c.freed_at IS NULL)`,
    record(ctx, actor, 'allow', hotkey, { role }, sql`EXISTS (SELECT 1 FROM agents WHERE hotkey = ${hotkey} AND role = ${role})`),
    sql`SELECT role FROM agents WHERE hotkey = ${hotkey}`,
  ])
  if (after?.[0]?.['role'] !== role) throw new Problem('conflict', `${hotkey} has GPUs rented out as a ${String(after?.[0]?.['role'])}; drain it first`)
}

/** Takes a hotkey off the market: what it runs may finish, nothing new goes there. Throws `not_found`. */
export async function disallow(ctx: Ctx, { actor, hotkey }: { actor: string; hotkey: string }): Promise<void> {
  const [changed] = await write(ctx.db, [
    sql`UPDATE agents SET standing = 'draining', changed_at = ${ctx.now()} WHERE hotkey = ${hotkey} RETURNING hotkey`,
    record(ctx, actor, 'disallow', hotkey, {}, sql`EXISTS (SELECT 1 FROM agents WHERE hotkey = ${hotkey})`),
  ])
  if (changed?.length === 0) throw new Problem('not_found', `${hotkey} was never allowed`)
}

export async function admitted(ctx: Ctx) {
  return retrying(() => ctx.db.select().from(agents).orderBy(asc(agents.hotkey)).limit(1000))
}
