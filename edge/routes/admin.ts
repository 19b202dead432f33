import { createRoute, z } from '@hono/zod-openapi'
import { hotkey } from '../../schema/hotkey.ts'
import { keyId } from '../../schema/ids.ts'
import { createKey as createKeyInput, keyView } from '../../schema/keys.ts'
import { ROLES } from '../../schema/miner.ts'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { atMost } from '../http/limit.ts'
import { admitted, allow, disallow } from '../verbs/admit.ts'
import { BRAKES, brakes, releaseBrake, type Brake } from '../verbs/brakes.ts'
import { createKey, listKeys, revokeKey } from '../verbs/keys.ts'
import { restoreEpoch } from '../verbs/restoreEpoch.ts'

const security = [{ bearer: [] }]
const common = ['unauthorized', 'forbidden', 'rate_limited', 'invalid_request', 'database_unavailable'] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large'] as const
const done = { 204: { description: 'Done' } }

const agentView = z
  .object({
    hotkey,
    role: z.enum(ROLES),
    standing: z.string(),
    source: z.string(),
    drained_by: z.string().nullable(),
    uid: z.number().int().nullable().meta({ description: 'On the subnet; null: the chain was not asked, or does not know it' }),
    changed_at: z.iso.datetime(),
  })
  .meta({ id: 'Agent' })

const brakeView = z
  .object({
    name: z.enum(BRAKES),
    since: z.iso.datetime(),
    unreachable: z.number().int().meta({ description: 'Miners that went away' }),
    total: z.number().int().meta({ description: 'Of so many' }),
    released_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Brake' })

const keyCreate = createRoute({
  method: 'post',
  path: '/admin/keys',
  summary: 'Make an API key',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: jsonBody(createKeyInput),
  responses: { 201: json(z.object({ id: keyId, secret: z.string() }), 'The secret is shown this once'), ...problems(...common, ...bodies) },
})
const keyList = createRoute({
  method: 'get',
  path: '/admin/keys',
  summary: 'All keys, without secrets',
  security,
  middleware: [bearer('admin')] as const,
  responses: { 200: json(z.object({ items: z.array(keyView) }), 'Keys'), ...problems(...common) },
})
const keyRevoke = createRoute({
  method: 'delete',
  path: '/admin/keys/{id}',
  summary: 'Revoke a key; what it rented stays rented',
  security,
  middleware: [bearer('admin')] as const,
  request: { params: z.object({ id: keyId.meta({ param: { name: 'id', in: 'path' } }) }) },
  responses: { ...done, ...problems(...common, 'not_found') },
})

const allowCreate = createRoute({
  method: 'post',
  path: '/admin/allow',
  summary: 'Let a hotkey act; outside development only end its drain, as roles come from the chain',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: jsonBody(z.strictObject({ hotkey, role: z.enum(ROLES) }).meta({ id: 'Allow' })),
  responses: { ...done, ...problems(...common, ...bodies, 'conflict') },
})
const allowList = createRoute({
  method: 'get',
  path: '/admin/allow',
  summary: 'Who may act',
  security,
  middleware: [bearer('admin')] as const,
  responses: { 200: json(z.object({ items: z.array(agentView) }), 'Agents'), ...problems(...common) },
})
const allowRemove = createRoute({
  method: 'delete',
  path: '/admin/allow/{hotkey}',
  summary: 'Drain a hotkey: what it runs may finish, nothing new goes there',
  security,
  middleware: [bearer('admin')] as const,
  request: { params: z.object({ hotkey: hotkey.meta({ param: { name: 'hotkey', in: 'path' } }) }) },
  responses: { ...done, ...problems(...common, 'not_found') },
})

const brakeList = createRoute({
  method: 'get',
  path: '/admin/brakes',
  summary: 'Brakes that are engaged: rules that refuse a mass change until a person confirms',
  security,
  middleware: [bearer('admin')] as const,
  responses: { 200: json(z.object({ items: z.array(brakeView) }), 'Brakes'), ...problems(...common) },
})
const brakeRelease = createRoute({
  method: 'post',
  path: '/admin/brakes/{name}/release',
  summary: 'Release a brake: what it held back happens',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  request: { params: z.object({ name: z.enum(BRAKES).meta({ param: { name: 'name', in: 'path' } }) }) },
  responses: { ...done, ...problems(...common, 'not_found') },
})

const epochRestore = createRoute({
  method: 'post',
  path: '/admin/restore-epoch',
  summary: 'After the database was restored from a backup: every agent takes its wish again',
  security,
  middleware: [bearer('admin'), atMost(BODY_LIMIT.client)] as const,
  responses: { 200: json(z.object({ epoch: z.number().int() }), 'The new epoch of wishes'), ...problems(...common) },
})

const iso = (ms: number) => new Date(ms).toISOString()
type KeyRow = Awaited<ReturnType<typeof listKeys>>[number]

function key(row: KeyRow): z.infer<typeof keyView> {
  const { id, tenant, name, scopes, maxGpus, maxAllocations, maxLeaseHours, requestsPerMinute, allocationsPerMinute } = row
  return {
    id,
    tenant,
    name,
    scopes,
    quota: {
      max_gpus: maxGpus,
      max_allocations: maxAllocations,
      max_lease_hours: maxLeaseHours,
      requests_per_minute: requestsPerMinute,
      allocations_per_minute: allocationsPerMinute,
    },
    created_at: iso(row.createdAt),
    revoked_at: row.revokedAt === null ? null : iso(row.revokedAt),
  }
}

function brake({ name, sinceMs, unreachable, total, releasedMs }: Brake): z.infer<typeof brakeView> {
  return { name, since: iso(sinceMs), unreachable, total, released_at: releasedMs === null ? null : iso(releasedMs) }
}

export const adminRoutes = router()
  .openapi(keyCreate, async (c) => c.json(await createKey(c.get('ctx'), { actor: c.get('caller').keyId, input: c.req.valid('json') }), 201))
  .openapi(keyList, async (c) => c.json({ items: (await listKeys(c.get('ctx'))).map(key) }, 200))
  .openapi(keyRevoke, async (c) => {
    await revokeKey(c.get('ctx'), { actor: c.get('caller').keyId, id: c.req.valid('param').id })
    return c.body(null, 204)
  })
  .openapi(allowCreate, async (c) => {
    await allow(c.get('ctx'), { actor: c.get('caller').keyId, ...c.req.valid('json') })
    return c.body(null, 204)
  })
  .openapi(allowList, async (c) => {
    const items = (await admitted(c.get('ctx'))).map(({ hotkey, role, standing, source, drainedBy, uid, changedAt }) => ({
      hotkey,
      role,
      standing,
      source,
      drained_by: drainedBy,
      uid,
      changed_at: iso(changedAt),
    }))
    return c.json({ items }, 200)
  })
  .openapi(allowRemove, async (c) => {
    await disallow(c.get('ctx'), { actor: c.get('caller').keyId, hotkey: c.req.valid('param').hotkey })
    return c.body(null, 204)
  })
  .openapi(brakeList, async (c) => c.json({ items: (await brakes(c.get('ctx'))).map(brake) }, 200))
  .openapi(brakeRelease, async (c) => {
    await releaseBrake(c.get('ctx'), { actor: c.get('caller').keyId, name: c.req.valid('param').name })
    return c.body(null, 204)
  })
  .openapi(epochRestore, async (c) => c.json(await restoreEpoch(c.get('ctx'), { actor: c.get('caller').keyId }), 200))
