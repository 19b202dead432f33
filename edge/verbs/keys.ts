import { desc, getTableColumns, sql } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { CreateKey } from '../../schema/keys.ts'
import { apiKeys } from '../../schema/tables/index.ts'
import type { Ctx } from '../ctx.ts'
import { record } from '../store/audit.ts'
import { retrying, write } from '../store/db.ts'
import { hashSecret } from './authenticate.ts'

type Row = Omit<typeof apiKeys.$inferSelect, 'secretHash'>

/** Makes a key. Its secret is in the answer and nowhere else: only the hash is kept. */
export async function createKey(ctx: Ctx, { actor, input }: { actor: string; input: CreateKey }): Promise<{ id: string; secret: string }> {
  const id = ctx.newId('ck')
  const half = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace('=', '')
  const { tenant, name, scopes, quota } = input
  await write(ctx.db, [
    sql`INSERT INTO api_keys (id, tenant, name, secret_hash, scopes, max_gpus, max_allocations, max_lease_hours, requests_per_minute, allocations_per_minute, created_at)
      VALUES (${id}, ${tenant}, ${name}, ${await hashSecret(half)}, ${JSON.stringify(scopes)}, ${quota.max_gpus}, ${quota.max_allocations}, ${quota.max_lease_hours},
        ${quota.requests_per_minute}, ${quota.allocations_per_minute}, ${ctx.now()}) ON CONFLICT (id) DO NOTHING`,
    record(ctx, actor, 'create_key', id, { tenant, scopes, quota }, sql`EXISTS (SELECT 1 FROM api_keys WHERE id = ${id})`),
  ])
  return { id, secret: `${id}_${half}` }
}

export async function listKeys(ctx: Ctx): Promise<Row[]> {
  const { secretHash: _hash, ...columns } = getTableColumns(apiKeys)
  return retrying(() => ctx.db.select(columns).from(apiKeys).orderBy(desc(apiKeys.createdAt)).limit(1000))
}

/** Ends a key at once. What it rented stays rented. Throws `not_found`. */
export async function revokeKey(ctx: Ctx, { actor, id }: { actor: string; id: string }): Promise<void> {
  const [changed] = await write(ctx.db, [
    sql`UPDATE api_keys SET revoked_at = coalesce(revoked_at, ${ctx.now()}) WHERE id = ${id} RETURNING id`,
    record(ctx, actor, 'revoke_key', id, {}, sql`EXISTS (SELECT 1 FROM api_keys WHERE id = ${id})`),
  ])
  if (changed?.length === 0) throw new Problem('not_found', `no key ${id}`)
}
