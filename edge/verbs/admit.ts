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

type Allow = { actor: string; hotkey: string; role: Role }

/**
 * Lets a hotkey act. In development whatever the chain says; elsewhere roles come from the chain, and this only ends a drain by a person.
 * Throws `forbidden`, `conflict`.
 */
export async function allow(ctx: Ctx, asked: Allow): Promise<void> {
  await (ctx.config.ENVIRONMENT === 'development' ? letIn(ctx, asked) : liftDrain(ctx, asked))
}

/** Allowing it again with another role changes the role; not while something is rented there. */
async function letIn(ctx: Ctx, { actor, hotkey, role }: Allow): Promise<void> {
  const [, , after] = await write(ctx.db, [
    sql`INSERT INTO agents (hotkey, role, standing, source, changed_at) VALUES (${hotkey}, ${role}, 'active', 'allow', ${ctx.now()})
      ON CONFLICT (hotkey) DO UPDATE SET role = excluded.role, standing = 'active', source = 'allow', drained_by = NULL, changed_at = excluded.changed_at
      WHERE role = excluded.role OR NOT EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = excluded.hotkey AND c.freed_at IS NULL)`,
    record(ctx, actor, 'allow', hotkey, { role }, sql`EXISTS (SELECT 1 FROM agents WHERE hotkey = ${hotkey} AND role = ${role})`),
    sql`SELECT role FROM agents WHERE hotkey = ${hotkey}`,
  ])
  if (after?.[0]?.['role'] !== role) throw new Problem('conflict', `${hotkey} has GPUs rented out as a ${String(after?.[0]?.['role'])}; drain it first`)
}

/** Who the chain knows acts as the chain says. */
async function liftDrain(ctx: Ctx, { actor, hotkey, role }: Allow): Promise<void> {
  const known = sql`hotkey = ${hotkey} AND role = ${role} AND uid IS NOT NULL AND drained_by IS NOT 'chain'`
  const [, , after] = await write(ctx.db, [
    sql`UPDATE agents SET standing = 'active', drained_by = NULL, changed_at = ${ctx.now()} WHERE ${known} AND standing = 'draining'`,
    record(ctx, actor, 'allow', hotkey, { role }, sql`EXISTS (SELECT 1 FROM agents WHERE ${known})`),
    sql`SELECT role, uid, drained_by FROM agents WHERE hotkey = ${hotkey}`,
  ])
  const row = after?.[0] as { role: Role; uid: number | null; drained_by: string | null } | undefined
  if (row?.role === role && row.uid !== null && row.drained_by !== 'chain') return
  throw new Problem('forbidden', `roles come from the chain here, and ${chainSays(ctx, row)}; allow only ends a drain by a person`)
}

function chainSays(ctx: Ctx, row: { role: Role; uid: number | null; drained_by: string | null } | undefined): string {
  if (!row || row.uid === null) return `the chain does not know it on subnet ${ctx.config.NETUID}`
  return row.drained_by === 'chain' ? 'by the chain it becomes another role once nothing is rented there' : `the chain says it is a ${row.role}`
}

/**
 * Takes a hotkey off the market: what it runs may finish, nothing new goes there, whatever the chain says of it later.
 * Throws `not_found`.
 */
export async function disallow(ctx: Ctx, { actor, hotkey }: { actor: string; hotkey: string }): Promise<void> {
  const [changed] = await write(ctx.db, [
    sql`UPDATE agents SET standing = CASE standing WHEN 'removed' THEN 'removed' ELSE 'draining' END, drained_by = 'operator', changed_at = ${ctx.now()}
      WHERE hotkey = ${hotkey} RETURNING hotkey`,
    record(ctx, actor, 'disallow', hotkey, {}, sql`EXISTS (SELECT 1 FROM agents WHERE hotkey = ${hotkey})`),
  ])
  if (changed?.length === 0) throw new Problem('not_found', `${hotkey} was never admitted`)
}

export async function admitted(ctx: Ctx) {
  return retrying(() => ctx.db.select().from(agents).orderBy(asc(agents.hotkey)).limit(1000))
}
