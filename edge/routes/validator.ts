import { createRoute } from '@hono/zod-openapi'
import { BODY_LIMIT } from '../../schema/protocol.ts'
import { snapshot, snapshotTaken } from '../../schema/snapshot.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { sized } from '../http/limit.ts'
import { trusted } from '../http/signed.ts'
import { takeSnapshot } from '../verbs/snapshot.ts'

const signatures = ['malformed_signature', 'wrong_receiver', 'stale', 'bad_signature', 'replayed', 'not_trusted', 'rate_limited', 'unavailable'] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large', 'invalid_request', 'database_unavailable'] as const

const metagraph = createRoute({
  method: 'post',
  path: '/validator/metagraph',
  summary: 'What the chain says: who is registered at a finalized block',
  security: [{ btauth: [] }],
  // No text of it is free: every field is a number, an address or a digest.
  middleware: [sized(BODY_LIMIT.snapshot), trusted()] as const,
  request: jsonBody(snapshot),
  responses: { 200: json(snapshotTaken, 'What became of it'), ...problems(...signatures, ...bodies) },
})

/** For validators. */
export const validatorRoutes = router().openapi(metagraph, async (c) =>
  c.json(await takeSnapshot(c.get('ctx'), { hotkey: c.get('hotkey'), snapshot: c.req.valid('json') }), 200),
)
