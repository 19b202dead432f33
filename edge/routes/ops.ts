import { createRoute, z } from '@hono/zod-openapi'
import { json, problems, router } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { exposition, EXPOSITION_TYPE } from '../http/exposition.ts'
import { health } from '../verbs/health.ts'
import { metrics } from '../verbs/metrics.ts'

const healthView = z
  .object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })) })
  .meta({ id: 'Health', description: 'The detail of a red check says what to do' })

const healthRoute = createRoute({
  method: 'get',
  path: '/health',
  summary: 'Green or red, and why',
  responses: { 200: json(healthView, 'Green'), 503: json(healthView, 'Red'), ...problems('database_unavailable', 'not_configured') },
})

const metricsRoute = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Numbers of this edge, for Prometheus; scope "metrics" or "admin"',
  security: [{ bearer: [] }],
  middleware: [bearer('metrics', 'admin')] as const,
  responses: {
    200: { description: 'Text format of Prometheus', content: { 'text/plain': { schema: z.string() } } },
    ...problems('unauthorized', 'forbidden', 'rate_limited', 'database_unavailable'),
  },
})

/** For operators and their machines. */
export const opsRoutes = router()
  .openapi(healthRoute, async (c) => {
    const state = await health(c.get('ctx'))
    return c.json(state, state.ok ? 200 : 503)
  })
  .openapi(metricsRoute, async (c) => c.text(exposition(await metrics(c.get('ctx'))), 200, { 'content-type': EXPOSITION_TYPE }))
