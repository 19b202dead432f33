import { createRoute, z } from '@hono/zod-openapi'
import { allocateInput, allocationView } from '../../schema/allocation.ts'
import { allocationId } from '../../schema/ids.ts'
import { BODY_LIMIT, WAIT_S } from '../../schema/protocol.ts'
import { Problem } from '../../schema/problem.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { allocationRate, bearer } from '../http/bearer.ts'
import { atMost } from '../http/limit.ts'
import { prefer, seconds } from '../http/prefer.ts'
import { allocationView as view } from '../http/view.ts'
import { allocationsOf, type Shown } from '../store/allocations.ts'
import { allocate } from '../verbs/allocate.ts'
import { release } from '../verbs/release.ts'
import { wait, waitAfter } from '../verbs/wait.ts'

const security = [{ bearer: [] }]
const id = z.object({ id: allocationId.meta({ param: { name: 'id', in: 'path' } }) })
const location = { location: { description: 'Where to look again', schema: { type: 'string' as const } } }
const common = ['unauthorized', 'forbidden', 'rate_limited', 'invalid_request', 'database_unavailable', 'unavailable'] as const

const create = createRoute({
  method: 'post',
  path: '/v1/allocations',
  summary: 'Rent GPUs of one miner',
  security,
  middleware: [bearer('client'), allocationRate, atMost(BODY_LIMIT.client)] as const,
  request: {
    headers: prefer(WAIT_S.default).extend({
      'idempotency-key': z.string().min(1).max(128).optional().meta({ description: 'Unique per tenant; replays the first allocation for 24 hours' }),
    }),
    ...jsonBody(allocateInput),
  },
  responses: {
    201: json(allocationView, 'Running, or failed for good', location),
    202: json(allocationView, 'Claimed; not ready yet', location),
    ...problems(
      ...common,
      'malformed_request',
      'unsupported_media_type',
      'body_too_large',
      'quota_exceeded',
      'idempotency_mismatch',
      'image_not_offered',
      'no_capacity',
      'unread',
    ),
  },
})

const list = createRoute({
  method: 'get',
  path: '/v1/allocations',
  summary: 'Your allocations, newest first',
  security,
  middleware: [bearer('client')] as const,
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), before: allocationId.optional() }) },
  responses: {
    200: json(z.object({ items: z.array(allocationView), next: allocationId.nullable() }), 'A page; `next` is the `before` of the next one'),
    ...problems(...common),
  },
})

const get = createRoute({
  method: 'get',
  path: '/v1/allocations/{id}',
  summary: 'One allocation; with Prefer: wait=N, once it is ready',
  security,
  middleware: [bearer('client')] as const,
  request: { params: id, headers: prefer(0) },
  responses: { 200: json(allocationView, 'The allocation'), ...problems(...common, 'not_found') },
})

const remove = createRoute({
  method: 'delete',
  path: '/v1/allocations/{id}',
  summary: 'Release it',
  security,
  middleware: [bearer('client')] as const,
  request: { params: id, headers: prefer(WAIT_S.default) },
  responses: {
    200: json(allocationView, 'Ended: the container is gone'),
    202: json(allocationView, 'Stopping', location),
    ...problems(...common, 'not_found', 'unread'),
  },
})

const STILL_COMING = new Set(['pending', 'starting'])
const came = (s: Shown) => !STILL_COMING.has(view(s).state)
/** Nothing is left on any host. */
const ended = ({ row }: Shown) => row.endedAt !== null || (row.phase === 'gone' && row.factIncarnation === row.incarnation)

function orNotFound(found: Shown | null, wanted: string): Shown {
  if (!found) throw new Problem('not_found', `no allocation ${wanted}`)
  return found
}

export const allocationRoutes = router()
  .openapi(create, async (c) => {
    const ctx = c.get('ctx')
    const caller = c.get('caller')
    const headers = c.req.valid('header')
    const waitFor = seconds(headers.prefer, WAIT_S.default)
    const made = await allocate(ctx, { caller, input: c.req.valid('json'), idempotencyKey: headers['idempotency-key'] })
    const found = await waitAfter(ctx, { holder: caller.tenant, id: made.id, seconds: waitFor, until: came })
    c.header('location', `/v1/allocations/${made.id}`)
    return c.json(view(found), came(found) ? 201 : 202)
  })
  .openapi(list, async (c) => {
    const { limit, before } = c.req.valid('query')
    const items = (await allocationsOf(c.get('ctx').db, c.get('caller').tenant, limit, before)).map(view)
    return c.json({ items, next: items.length === limit ? (items.at(-1)?.id ?? null) : null }, 200)
  })
  .openapi(get, async (c) => {
    const wanted = c.req.valid('param').id
    const waitFor = seconds(c.req.valid('header').prefer, 0)
    const found = await wait(c.get('ctx'), { holder: c.get('caller').tenant, id: wanted, seconds: waitFor, until: came })
    return c.json(view(orNotFound(found, wanted)), 200)
  })
  .openapi(remove, async (c) => {
    const ctx = c.get('ctx')
    const holder = c.get('caller').tenant
    const wanted = c.req.valid('param').id
    const waitFor = seconds(c.req.valid('header').prefer, WAIT_S.default)
    await release(ctx, { holder, id: wanted })
    const found = await waitAfter(ctx, { holder, id: wanted, seconds: waitFor, until: ended })
    if (ended(found)) return c.json(view(found), 200)
    c.header('location', `/v1/allocations/${wanted}`)
    return c.json(view(found), 202)
  })
