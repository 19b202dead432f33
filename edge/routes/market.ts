import { createRoute, z } from '@hono/zod-openapi'
import { hotkey } from '../../schema/hotkey.ts'
import { imageReference } from '../../schema/image.ts'
import { gpuOffer, minerDetail, minerView, type penaltyView, type scoreView } from '../../schema/miner.ts'
import { Problem } from '../../schema/problem.ts'
import { json, problems, router } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { miners, offers, type MinerRow, type OfferRow, type PenaltyOf, saidOf, type ScoreOf } from '../store/market.ts'
import { askerOf } from '../verbs/allocate.ts'
import { statusOf } from '../verbs/status.ts'

const security = [{ bearer: [] }]
const common = ['unauthorized', 'forbidden', 'rate_limited', 'invalid_request', 'database_unavailable'] as const

const listGpus = createRoute({
  method: 'get',
  path: '/v1/gpus',
  summary: 'GPUs on the market',
  security,
  middleware: [bearer('client')] as const,
  request: {
    query: z.object({
      model: z.string().max(64).optional().meta({ description: 'Part of the model name, any case' }),
      min_vram_gb: z.coerce.number().positive().max(4096).optional(),
      free: z.coerce.number().int().min(0).max(64).optional().meta({ description: 'At least so many free on one host' }),
      image: imageReference.optional(),
      hotkey: hotkey.optional(),
      limit: z.coerce.number().int().min(1).max(500).default(100),
    }),
  },
  responses: {
    200: json(z.object({ items: z.array(gpuOffer), total: z.number().int(), free: z.number().int() }), 'Offers by host and model; totals of this answer'),
    ...problems(...common),
  },
})

const listMiners = createRoute({
  method: 'get',
  path: '/v1/miners',
  summary: 'Registered miners',
  security,
  middleware: [bearer('client')] as const,
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(500).default(100), after: hotkey.optional() }) },
  responses: {
    200: json(z.object({ items: z.array(minerView), next: z.string().nullable() }), 'A page; `next` is the `after` of the next one'),
    ...problems(...common),
  },
})

const getMiner = createRoute({
  method: 'get',
  path: '/v1/miners/{hotkey}',
  summary: 'One miner',
  security,
  middleware: [bearer('client')] as const,
  request: { params: z.object({ hotkey: hotkey.meta({ param: { name: 'hotkey', in: 'path' } }) }) },
  responses: { 200: json(minerDetail, 'The miner, and what each validator says of it'), ...problems(...common, 'not_found') },
})

const iso = (ms: number) => new Date(ms).toISOString()

function offer(r: OfferRow): z.infer<typeof gpuOffer> {
  const { hotkey, model, vramMb, total, free, driver, isolation, disk, network } = r
  const proof_age_s = r.proofAge === null ? null : Math.floor(r.proofAge / 1000)
  const images = JSON.parse(r.images) as { reference: string; warm: boolean }[]
  return { hotkey, model, vram_mb: vramMb, total, free, driver, isolation, disk, network, simulated: r.simulated === 1, images, proof_age_s }
}

const ageS = (at: number, nowMs: number) => Math.max(0, Math.floor((nowMs - at) / 1000))

function miner(r: MinerRow, nowMs: number): z.infer<typeof minerView> {
  const { hotkey, total, free, driver, isolation, disk, network, version, protocol, score, scoredAt, scoredBy } = r
  return {
    hotkey,
    status: statusOf(r),
    gpus: { total, free },
    models: JSON.parse(r.models) as string[],
    driver,
    isolation,
    disk,
    network,
    simulated: r.simulated === 1,
    version,
    protocol,
    registered_at: iso(r.registeredAt),
    last_report_at: r.reportAt === null ? null : iso(r.reportAt),
    score,
    score_age_s: scoredAt === null ? null : ageS(scoredAt, nowMs),
    scored_by: scoredBy,
  }
}

function score({ own, model, count, at, ...same }: ScoreOf, nowMs: number): z.infer<typeof scoreView> {
  return { ...same, own: own === 1, gpus: model === null || count === null ? null : { model, count }, age_s: ageS(at, nowMs) }
}

function penalty({ fromAt, untilAt, ...same }: PenaltyOf): z.infer<typeof penaltyView> {
  return { ...same, from: iso(fromAt), until: untilAt === null ? null : iso(untilAt) }
}

export const marketRoutes = router()
  .openapi(listGpus, async (c) => {
    const ctx = c.get('ctx')
    const items = (await offers(ctx.db, c.req.valid('query'), askerOf(ctx, c.get('caller').tenant))).map(offer)
    const sum = (of: 'total' | 'free') => items.reduce((n, i) => n + i[of], 0)
    return c.json({ items, total: sum('total'), free: sum('free') }, 200)
  })
  .openapi(listMiners, async (c) => {
    const ctx = c.get('ctx')
    const { limit, after } = c.req.valid('query')
    const items = (await miners(ctx.db, { limit, after, nowMs: ctx.now() })).map((r) => miner(r, ctx.now()))
    return c.json({ items, next: items.length === limit ? (items.at(-1)?.hotkey ?? null) : null }, 200)
  })
  .openapi(getMiner, async (c) => {
    const ctx = c.get('ctx')
    const wanted = c.req.valid('param').hotkey
    const nowMs = ctx.now()
    const [found] = await miners(ctx.db, { hotkey: wanted, limit: 1, nowMs })
    if (!found) throw new Problem('not_found', `no miner ${wanted}`)
    const { scores, penalties } = await saidOf(ctx.db, wanted, nowMs)
    return c.json({ ...miner(found, nowMs), scores: scores.map((s) => score(s, nowMs)), penalties: penalties.map(penalty) }, 200)
  })
