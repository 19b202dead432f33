import { createRoute, z } from '@hono/zod-openapi'
import { allocationId } from '../../schema/ids.ts'
import { BODY_LIMIT, WAIT_S } from '../../schema/protocol.ts'
import { markProof as mark, openProof as open, proofState } from '../../schema/proof.ts'
import { json, jsonBody, problems, router } from '../http/app.ts'
import { sized, wellFormed } from '../http/limit.ts'
import { signed } from '../http/signed.ts'
import { PROOF_REQUESTS_PER_MINUTE } from '../hub/rate.ts'
import { markProof } from '../verbs/markProof.ts'
import { openProof } from '../verbs/openProof.ts'
import { lookAtProof } from '../verbs/proof.ts'

const signatures = ['malformed_signature', 'wrong_receiver', 'stale', 'bad_signature', 'replayed', 'rate_limited', 'unavailable'] as const
const common = [...signatures, 'not_admitted', 'wrong_role', 'invalid_request', 'database_unavailable'] as const
const bodies = ['malformed_request', 'unsupported_media_type', 'body_too_large'] as const
const validator = signed('validator', PROOF_REQUESTS_PER_MINUTE)
const security = [{ btauth: [] }]
const id = z.object({ id: allocationId.meta({ param: { name: 'id', in: 'path' } }) })

const create = createRoute({
  method: 'post',
  path: '/validator/proofs',
  summary: 'Take all free cards of a miner for a proof',
  description: 'For the miner it is a rent like any other. `proof_refused` says when to ask again.',
  security,
  middleware: [sized(BODY_LIMIT.client), validator, wellFormed] as const,
  request: jsonBody(open),
  responses: { 201: json(proofState, 'The proof'), ...problems(...common, ...bodies, 'proof_refused') },
})

const get = createRoute({
  method: 'get',
  path: '/validator/proofs/{id}',
  summary: 'A proof of yours; with wait=N, once it is no longer starting',
  security,
  middleware: [validator] as const,
  request: {
    params: id,
    query: z.object({
      wait: z.coerce
        .number()
        .int()
        .min(0)
        .default(0)
        .meta({ description: `Seconds, ${WAIT_S.max} at most` }),
    }),
  },
  responses: { 200: json(proofState, 'The proof'), ...problems(...common, 'not_found') },
})

const patch = createRoute({
  method: 'patch',
  path: '/validator/proofs/{id}',
  summary: 'Say how far a proof is: go, committed, close',
  description: 'From `go` on no client takes the cards. `close` carries the signed verdict, and lets the cards go.',
  security,
  middleware: [sized(BODY_LIMIT.client), validator, wellFormed] as const,
  request: { params: id, ...jsonBody(mark) },
  responses: { 200: json(proofState, 'The proof'), ...problems(...common, ...bodies, 'not_found', 'conflict') },
})

/** For validators: proofs of GPU. */
export const proofRoutes = router()
  .openapi(create, async (c) => c.json(await openProof(c.get('ctx'), { validator: c.get('hotkey'), input: c.req.valid('json') }), 201))
  .openapi(get, async (c) => {
    const seconds = Math.min(c.req.valid('query').wait, WAIT_S.max)
    return c.json(await lookAtProof(c.get('ctx'), { validator: c.get('hotkey'), id: c.req.valid('param').id, seconds }), 200)
  })
  .openapi(patch, async (c) => {
    const marked = await markProof(c.get('ctx'), { validator: c.get('hotkey'), id: c.req.valid('param').id, mark: c.req.valid('json') })
    return c.json(marked, 200)
  })
