import { createRoute, z } from '@hono/zod-openapi'
import { json, problems, router } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { networkOf } from '../verbs/network.ts'

const networkView = z
  .object({
    netuid: z.number().int(),
    environment: z.string(),
    miners: z.number().int().meta({ description: 'Hotkeys that may act as miner' }),
    validators: z.number().int().meta({ description: 'Hotkeys that may act as validator' }),
    snapshot_block: z.number().int().nullable().meta({ description: 'Block of the chain that roles follow; null: none yet' }),
    snapshot_age_s: z.number().int().nullable(),
    validators_published: z.number().int().meta({ description: 'Of them, those whose scores or penalties of the last 3 hours count' }),
    published_age_s: z.number().int().nullable().meta({ description: 'Since any of them last published; null: nothing is kept' }),
  })
  .meta({ id: 'Network' })

const network = createRoute({
  method: 'get',
  path: '/v1/network',
  summary: 'The subnet that this edge serves',
  security: [{ bearer: [] }],
  middleware: [bearer('client', 'admin')] as const,
  responses: { 200: json(networkView, 'The subnet'), ...problems('unauthorized', 'forbidden', 'rate_limited', 'database_unavailable') },
})

export const networkRoutes = router().openapi(network, async (c) => {
  const { snapshot, published, ...same } = await networkOf(c.get('ctx'))
  const ageS = (at: number | null | undefined) => (at == null ? null : Math.max(0, Math.floor((c.get('ctx').now() - at) / 1000)))
  const chain = { snapshot_block: snapshot?.block ?? null, snapshot_age_s: ageS(snapshot?.chainAtMs) }
  return c.json({ ...same, ...chain, validators_published: published.validators, published_age_s: ageS(published.at) }, 200)
})
