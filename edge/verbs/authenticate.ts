import { eq } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import { QUOTA_DEFAULTS } from '../../schema/protocol.ts'
import { apiKeys } from '../../schema/tables/index.ts'
import type { Caller } from '../caller.ts'
import type { Ctx } from '../ctx.ts'
import { retrying } from '../store/db.ts'

/** The first admin key is a secret of the deployment; it makes the others. */
const ROOT: Omit<Caller, 'scopes'> = { keyId: 'root', tenant: 'root', quota: { ...QUOTA_DEFAULTS, requestsPerMinute: 600 } }

/** Shape of a key: its id, which is public, and 32 random bytes. */
const KEY = /^(ck_[0-9a-z]{26})_([A-Za-z0-9_-]{43})$/

/** Who holds this secret. Throws `unauthorized`; the message is the same for unknown, wrong and revoked keys. */
export async function authenticate(ctx: Ctx, secret: string): Promise<Caller> {
  if (await same(secret, ctx.config.ADMIN_KEY)) return { ...ROOT, scopes: ['admin'] }
  const [, id, half] = KEY.exec(secret) ?? []
  if (!id || !half) throw new Problem('unauthorized', 'this is not an API key')
  const [row] = await retrying(() => ctx.db.select().from(apiKeys).where(eq(apiKeys.id, id)))
  const holds = await same(await hashSecret(half), row?.secretHash ?? '')
  if (!row || !holds || row.revokedAt !== null) throw new Problem('unauthorized', 'this API key is unknown or revoked')
  return { keyId: row.id, tenant: row.tenant, scopes: row.scopes, quota: row }
}

/** Whether a key that was let in still is one: what lasts for minutes asks again. */
export async function stillHolds(ctx: Ctx, keyId: string): Promise<boolean> {
  const [row] = await retrying(() => ctx.db.select({ revokedAt: apiKeys.revokedAt }).from(apiKeys).where(eq(apiKeys.id, keyId)))
  return row?.revokedAt === null
}

/** 256 random bits need no salt and no slow hash. */
export async function hashSecret(secret: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(secret))
  return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('')
}

/** Compares without telling by its time how much is right. */
async function same(a: string, b: string): Promise<boolean> {
  const [x, y] = await Promise.all([a, b].map((s) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(s))))
  return x !== undefined && y !== undefined && crypto.subtle.timingSafeEqual(x, y)
}
