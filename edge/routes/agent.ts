import { createRoute, z } from '@hono/zod-openapi'
import { installId } from '../../schema/ids.ts'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { invalid, Problem } from '../../schema/problem.ts'
import { registered, registration, report, syncReply, takenOver, takeover as takeoverInput } from '../../schema/sync.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { sized, wellFormed } from '../http/limit.ts'
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
  middleware: [sized(BODY_LIMIT.agent), signed('miner'), wellFormed, current] as const,
  request: jsonBody(registration),
  responses: { 200: json(registered, 'Registered'), ...problems(...signatures, ...bodies, 'agent_too_old', 'agent_conflict', 'refused_facts', 'roles_stale') },
})

const syncRoute = createRoute({
  method: 'post',
  path: '/agent/sync',
  summary: 'The fact goes up, the wish comes down',
  security,
  middleware: [sized(BODY_LIMIT.agent), signed('miner'), wellFormed, current] as const,
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
  middleware: [sized(BODY_LIMIT.agent), signed('miner'), wellFormed] as const,
  request: jsonBody(takeoverInput),
  responses: { 200: json(takenOver, 'This install speaks for the hotkey now'), ...problems(...signatures, ...bodies, 'agent_conflict', 'not_registered') },
})

const wake = createRoute({
  method: 'get',
  path: '/agent/wake',
  summary: 'WebSocket: "go" means sync now',
  security,
  middleware: [sized(0), signed('miner')] as const,
  request: {
    query: z.object({ install: installId.optional().meta({ description: 'Who listens: another install than the one that speaks for the hotkey is refused' }) }),
  },
  responses: { 101: { description: 'Switching protocols' }, ...problems(...signatures, 'upgrade_required', 'agent_conflict', 'invalid_request') },
})

/** Agents of protocol 1 do not say it. Throws `invalid_request`. */
function installOf(given: string | undefined): string | null {
  if (given === undefined) return null
  if (!installId.safeParse(given).success) throw invalid('install', 'an install id, such as a registration gave')
  return given
}

export const agentRoutes = router()
  .openapi(identity, async (c) => c.json({ jws: await identify(c.get('ctx')) }, 200))
  .openapi(registerRoute, async (c) => c.json(await register(c.get('ctx'), { hotkey: c.get('hotkey'), registration: c.req.valid('json') }), 200))
  .openapi(syncRoute, async (c) => c.json(await sync(c.get('ctx'), { hotkey: c.get('hotkey'), report: c.req.valid('json') }), 200))
  .openapi(takeoverRoute, async (c) => c.json(await takeover(c.get('ctx'), { hotkey: c.get('hotkey'), ...c.req.valid('json') }), 200))

agentRoutes.openAPIRegistry.registerPath(wake)
agentRoutes.get('/agent/wake', sized(0), signed('miner'), async (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') throw new Problem('upgrade_required')
  const install = installOf(c.req.query('install'))
  // A new request: nothing a client sent but the verified hotkey and a well-formed install reaches the object.
  const headers = { upgrade: 'websocket', 'x-verified-hotkey': c.get('hotkey'), ...(install && { 'x-install': install }) }
  const answer = await reached(c.get('ctx').hub(c.get('hotkey')).fetch('http://hub/', { headers }))
  if (answer.status === 409) throw new Problem('agent_conflict', 'another install speaks for this hotkey')
  return answer
})
