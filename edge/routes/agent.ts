import { createRoute, z } from '@hono/zod-openapi'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { Problem } from '../../schema/problem.ts'
import { registered, registration, report, syncReply, takenOver, takeover as takeoverInput } from '../../schema/sync.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { atMost } from '../http/limit.ts'
import { current } from '../http/protocol.ts'
import { reached } from '../ctx.ts'
import { signed } from '../http/signed.ts'
import { identify } from '../verbs/identity.ts'
import { register } from '../verbs/register.ts'
import { sync } from '../verbs/sync.ts'
import { takeover } from '../verbs/takeover.ts'

const signatures = [
  'malformed_signature',
  'wrong_receiver',
  'stale',
  'bad_signature',
  'replayed',
  'not_admitted',
  'wrong_role',
  'rate_limited',
  'unavailable',
] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large', 'invalid_request', 'database_unavailable'] as const
const security = [{ btauth: [] }]

const identity = createRoute({
  method: 'get',
  path: '/agent/identity',
  summary: "Who this edge is: a JWS by the key that a miner's registration string pins",
  responses: { 200: json(z.object({ jws: z.string() }), 'Compact JWS') },
})

const registerRoute = createRoute({
  method: 'post',
  path: '/agent/register',
  summary: 'Bind a hotkey to an install',
  security,
  middleware: [atMost(BODY_LIMIT.agent), signed('miner'), current] as const,
  request: jsonBody(registration),
  responses: { 200: json(registered, 'Registered'), ...problems(...signatures, ...bodies, 'agent_too_old', 'agent_conflict', 'refused_facts') },
})

const syncRoute = createRoute({
  method: 'post',
  path: '/agent/sync',
  summary: 'The fact goes up, the wish comes down',
  security,
  middleware: [atMost(BODY_LIMIT.agent), signed('miner'), current] as const,
  request: jsonBody(report),
  responses: {
    200: json(syncReply, 'The wish, a compact JWS'),
    ...problems(...signatures, ...bodies, 'agent_too_old', 'agent_conflict', 'not_registered', 'out_of_order', 'refused_facts'),
  },
})

const takeoverRoute = createRoute({
  method: 'post',
  path: '/agent/takeover',
  summary: 'Bind a hotkey to another install, whatever lives there: what was rented is lost',
  security,
  middleware: [atMost(BODY_LIMIT.agent), signed('miner')] as const,
  request: jsonBody(takeoverInput),
  responses: { 200: json(takenOver, 'This install speaks for the hotkey now'), ...problems(...signatures, ...bodies, 'agent_conflict', 'not_registered') },
})

const wake = createRoute({
  method: 'get',
  path: '/agent/wake',
  summary: 'WebSocket: "go" means sync now',
  security,
  middleware: [atMost(0), signed('miner')] as const,
  responses: { 101: { description: 'Switching protocols' }, ...problems(...signatures, 'upgrade_required') },
})

export const agentRoutes = router()
  .openapi(identity, async (c) => c.json({ jws: await identify(c.get('ctx')) }, 200))
  .openapi(registerRoute, async (c) => c.json(await register(c.get('ctx'), { hotkey: c.get('hotkey'), registration: c.req.valid('json') }), 200))
  .openapi(syncRoute, async (c) => c.json(await sync(c.get('ctx'), { hotkey: c.get('hotkey'), report: c.req.valid('json') }), 200))
  .openapi(takeoverRoute, async (c) => c.json(await takeover(c.get('ctx'), { hotkey: c.get('hotkey'), ...c.req.valid('json') }), 200))

agentRoutes.openAPIRegistry.registerPath(wake)
agentRoutes.get('/agent/wake', atMost(0), signed('miner'), async (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new Problem('upgrade_required')
  // A new request: nothing a client sent but the verified hotkey reaches the object.
  const hub = c.get('ctx').hub(c.get('hotkey'))
  return reached(hub.fetch('http://hub/', { headers: { upgrade: 'websocket', 'x-verified-hotkey': c.get('hotkey') } }))
})
