import { createRoute, z } from '@hono/zod-openapi'
import { allocationView, extendInput, rekeyInput, restartInput } from '../../schema/allocation.ts'
import { allocationId } from '../../schema/ids.ts'
import { BODY_LIMIT, WAIT_S } from '../../schema/protocol.ts'
import { json, jsonBody, problems, router, type HttpContext } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { atMost } from '../http/limit.ts'
import { prefer, seconds } from '../http/prefer.ts'
import { allocationView as view } from '../http/view.ts'
import type { Shown } from '../store/allocations.ts'
import { extend } from '../verbs/extend.ts'
import { pause, paused } from '../verbs/pause.ts'
import { rekey, rekeyed } from '../verbs/rekey.ts'
import { restart, restarted } from '../verbs/restart.ts'
import { resume, resumed } from '../verbs/resume.ts'
import { waitAfter } from '../verbs/wait.ts'

const security = [{ bearer: [] }]
const params = z.object({ id: allocationId.meta({ param: { name: 'id', in: 'path' } }) })
const headers = prefer(WAIT_S.default)
const location = { location: { description: 'Where to look again', schema: { type: 'string' as const } } }
const common = [
  'unauthorized',
  'forbidden',
  'rate_limited',
  'invalid_request',
  'database_unavailable',
  'unavailable',
  'not_found',
  'conflict',
  'unread',
] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large'] as const

/** Answers of an act that a miner must carry out. */
const acted = (done: string, notYet: string) => ({
  200: json(allocationView, done),
  202: json(allocationView, `Asked for; its miner has not said yet that ${notYet}`, location),
  ...problems(...common, ...bodies, 'unsupported_by_miner'),
})

const pauseRoute = createRoute({
  method: 'post',
  path: '/v1/allocations/{id}/pause',
  summary: 'Freeze what runs; GPUs, disk and lease stay',
  security,
  middleware: [bearer('client'), atMost(BODY_LIMIT.client)] as const,
  request: { params, headers },
  responses: acted('Paused', 'it is paused'),
})

const resumeRoute = createRoute({
  method: 'post',
  path: '/v1/allocations/{id}/resume',
  summary: 'Let what was paused run on',
  security,
  middleware: [bearer('client'), atMost(BODY_LIMIT.client)] as const,
  request: { params, headers },
  responses: acted('Running', 'it runs'),
})

const restartRoute = createRoute({
  method: 'post',
  path: '/v1/allocations/{id}/restart',
  summary: 'Stop and start its container once; the disk stays, a paused one stays paused',
  security,
  middleware: [bearer('client'), atMost(BODY_LIMIT.client)] as const,
  request: { params, headers, body: { required: false, content: { 'application/json': { schema: restartInput } } } },
  responses: acted('Restarted', 'it was restarted'),
})

const rekeyRoute = createRoute({
  method: 'post',
  path: '/v1/allocations/{id}/rekey',
  summary: 'Change who may log in; sessions of a key that goes end',
  security,
  middleware: [bearer('client'), atMost(BODY_LIMIT.client)] as const,
  request: { params, headers, ...jsonBody(rekeyInput) },
  responses: acted('These keys hold, and no others', 'they hold'),
})

const extendRoute = createRoute({
  method: 'post',
  path: '/v1/allocations/{id}/extend',
  summary: 'Move the end of the lease to so many hours from now',
  security,
  middleware: [bearer('client'), atMost(BODY_LIMIT.client)] as const,
  request: { params, ...jsonBody(extendInput) },
  responses: { 200: json(allocationView, 'Extended'), ...problems(...common, ...bodies) },
})

type Asked = { holder: string; id: string; waitS: number }

/** Whose, which, and how long to wait: read before anything is done. */
const askedOf = (c: HttpContext, id: string, preferred: string | undefined): Asked => ({
  holder: c.get('caller').tenant,
  id,
  waitS: seconds(preferred, WAIT_S.default),
})

/** Answers once the fact has followed, or when it was waited for long enough; at once when another request made it pointless. */
async function followed(c: HttpContext, { waitS, ...mine }: Asked, done: (s: Shown) => boolean, wanted: (s: Shown) => boolean) {
  const found = await waitAfter(c.get('ctx'), { ...mine, seconds: waitS, until: (s) => done(s) || !wanted(s) })
  if (done(found)) return { body: view(found), status: 200 as const }
  c.header('location', `/v1/allocations/${mine.id}`)
  return { body: view(found), status: 202 as const }
}

const wishes = (desired: 'run' | 'pause') => (s: Shown) => s.row.desired === desired
const lives = (s: Shown) => s.row.desired !== 'stop'

export const actRoutes = router()
  .openapi(pauseRoute, async (c) => {
    const asked = askedOf(c, c.req.valid('param').id, c.req.valid('header').prefer)
    await pause(c.get('ctx'), asked)
    const { body, status } = await followed(c, asked, paused, wishes('pause'))
    return c.json(body, status)
  })
  .openapi(resumeRoute, async (c) => {
    const asked = askedOf(c, c.req.valid('param').id, c.req.valid('header').prefer)
    await resume(c.get('ctx'), asked)
    const { body, status } = await followed(c, asked, resumed, wishes('run'))
    return c.json(body, status)
  })
  .openapi(restartRoute, async (c) => {
    const asked = askedOf(c, c.req.valid('param').id, c.req.valid('header').prefer)
    const n = await restart(c.get('ctx'), { ...asked, input: c.req.valid('json') })
    const { body, status } = await followed(c, asked, restarted(n), lives)
    return c.json(body, status)
  })
  .openapi(rekeyRoute, async (c) => {
    const asked = askedOf(c, c.req.valid('param').id, c.req.valid('header').prefer)
    const n = await rekey(c.get('ctx'), { ...asked, input: c.req.valid('json') })
    const { body, status } = await followed(c, asked, rekeyed(n), lives)
    return c.json(body, status)
  })
  .openapi(extendRoute, async (c) => {
    const { id } = c.req.valid('param')
    await extend(c.get('ctx'), { caller: c.get('caller'), id, input: c.req.valid('json') })
    const found = await waitAfter(c.get('ctx'), { holder: c.get('caller').tenant, id, seconds: 0, until: () => true })
    return c.json(view(found), 200)
  })
