import { createRoute } from '@hono/zod-openapi'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { penalties, published, scores } from '../../schema/publication.ts'
import { snapshot, snapshotTaken } from '../../schema/snapshot.ts'
import { validatorState } from '../../schema/validator-state.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { sized, wellFormed } from '../http/limit.ts'
import { signed, trusted } from '../http/signed.ts'
import { VALIDATOR_REQUESTS_PER_MINUTE } from '../hub/rate.ts'
import { publishPenalties, publishScores } from '../verbs/publish.ts'
import { takeSnapshot } from '../verbs/snapshot.ts'
import { stateOf } from '../verbs/state.ts'

const signatures = ['malformed_signature', 'wrong_receiver', 'stale', 'bad_signature', 'replayed', 'rate_limited', 'unavailable'] as const
const roles = ['not_admitted', 'wrong_role'] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large', 'invalid_request', 'database_unavailable'] as const

const metagraph = createRoute({
  method: 'post',
  path: '/validator/metagraph',
  summary: 'What the chain says: who is registered at a finalized block',
  security: [{ btauth: [] }],
  // No text of it is free: every field is a number, an address or a digest.
  middleware: [sized(BODY_LIMIT.snapshot), trusted()] as const,
  request: jsonBody(snapshot),
  responses: { 200: json(snapshotTaken, 'What became of it'), ...problems(...signatures, 'not_trusted', ...bodies) },
})

const validator = signed('validator', VALIDATOR_REQUESTS_PER_MINUTE)

const postScores = createRoute({
  method: 'post',
  path: '/validator/scores',
  summary: 'What a validator says of miners: the latest of each is kept, ranks them, and is passed on as it was signed',
  security: [{ btauth: [] }],
  middleware: [sized(BODY_LIMIT.publication), validator, wellFormed] as const,
  request: jsonBody(scores),
  responses: { 200: json(published, 'What became of it'), ...problems(...signatures, ...roles, ...bodies) },
})

const postPenalties = createRoute({
  method: 'post',
  path: '/validator/penalties',
  summary: 'Whom a validator penalizes, and why: all of them, each time',
  security: [{ btauth: [] }],
  middleware: [sized(BODY_LIMIT.publication), validator, wellFormed] as const,
  request: jsonBody(penalties),
  responses: { 200: json(published, 'What became of it'), ...problems(...signatures, ...roles, ...bodies) },
})

const getState = createRoute({
  method: 'get',
  path: '/validator/state',
  summary: 'The market as it is, and what other validators published of late',
  security: [{ btauth: [] }],
  middleware: [validator] as const,
  responses: {
    200: json(validatorState, 'As miners reported it and the edge saw it, nothing of it proved'),
    ...problems(...signatures, ...roles, 'database_unavailable'),
  },
})

/** For validators. */
export const validatorRoutes = router()
  .openapi(metagraph, async (c) => c.json(await takeSnapshot(c.get('ctx'), { hotkey: c.get('hotkey'), snapshot: c.req.valid('json') }), 200))
  .openapi(postScores, async (c) => c.json(await publishScores(c.get('ctx'), { hotkey: c.get('hotkey'), scores: c.req.valid('json') }), 200))
  .openapi(postPenalties, async (c) => c.json(await publishPenalties(c.get('ctx'), { hotkey: c.get('hotkey'), penalties: c.req.valid('json') }), 200))
  .openapi(getState, async (c) => c.json(await stateOf(c.get('ctx'), c.get('hotkey')), 200))
