import { createRoute, z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { eventView } from '../../schema/event.ts'
import { allocationId } from '../../schema/ids.ts'
import { invalid, Problem } from '../../schema/problem.ts'
import { json, problems, router, type HttpContext } from '../http/app.ts'
import { bearer } from '../http/bearer.ts'
import { prefer, seconds } from '../http/prefer.ts'
import { eventView as view } from '../http/view.ts'
import { allocationOf } from '../store/allocations.ts'
import { follow, mayFollow, poll, type Follow } from '../verbs/follow.ts'

const security = [{ bearer: [] }]
const common = ['unauthorized', 'forbidden', 'rate_limited', 'invalid_request', 'database_unavailable', 'unavailable'] as const
const after = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const limit = z.coerce.number().int().min(1).max(500).default(100)
const page = z.object({ items: z.array(eventView), next: z.number().int() })
const EVENT_STREAM = 'text/event-stream'

const list = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'What happened to your allocations, oldest first; as a stream with Accept: text/event-stream',
  description:
    'Ids only grow, in the order of the commits. A stream sends each event as `id`, `event` (its kind) and `data` (the event), a comment when nothing happened ' +
    'for a while, and ends now and then: take it up again with `Last-Event-ID`, as every reader of event streams does by itself.',
  security,
  middleware: [bearer('client')] as const,
  request: {
    headers: prefer(0).extend({ 'last-event-id': z.string().optional().meta({ description: 'Of a stream: the last id that was seen; wins over `after`' }) }),
    query: z.object({
      after: after.optional().meta({ description: 'Only events after this id; absent: only what happens from now on' }),
      limit,
      allocation: allocationId.optional().meta({ description: 'Only of this allocation' }),
    }),
  },
  responses: { 200: json(page, '`next` is the `after` of the next page; or a stream of events'), ...problems(...common) },
})

const ofAllocation = createRoute({
  method: 'get',
  path: '/v1/allocations/{id}/events',
  summary: 'What happened to one allocation, oldest first',
  security,
  middleware: [bearer('client')] as const,
  request: {
    params: z.object({ id: allocationId.meta({ param: { name: 'id', in: 'path' } }) }),
    query: z.object({ after: after.default(0), limit }),
  },
  responses: { 200: json(page, 'A page; `next` is the `after` of the next one'), ...problems(...common, 'not_found') },
})

/** Sends events until the client goes. A failure ends the stream: its reader takes it up where it ended. */
function stream(c: HttpContext, wanted: Follow): Response {
  const ctx = c.get('ctx')
  return streamSSE(
    c,
    async (out) => {
      for await (const said of follow(ctx, wanted)) {
        if (out.aborted) return
        // An id without data is kept by the reader and shown to nobody: one that began "from now on" resumes from there.
        if (said.kind === 'from') await out.write(`id: ${said.after}\nretry: 1000\n\n`)
        else if (said.kind === 'alive') await out.write(': nothing new\n\n')
        else await out.writeSSE({ id: String(said.row.id), event: said.row.kind, data: JSON.stringify(view(said.row)) })
      }
    },
    async (error, out) => {
      ctx.log.error('stream_failed', { error: String(error) })
      await out.close()
    },
  )
}

function lastSeen(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  const parsed = after.safeParse(header)
  if (!parsed.success) throw invalid('Last-Event-ID', 'the id of an event, a whole number')
  return parsed.data
}

export const eventRoutes = router()
  .openapi(list, async (c) => {
    const { tenant: holder, keyId } = c.get('caller')
    const headers = c.req.valid('header')
    const { after: given, limit, allocation } = c.req.valid('query')
    const streams = c.req.header('accept')?.includes(EVENT_STREAM)
    const waitS = seconds(headers.prefer, 0)
    const from = (streams ? lastSeen(headers['last-event-id']) : undefined) ?? given
    if (streams || waitS > 0) await mayFollow(c.get('ctx'), holder)
    // Not a page, and typed as one all the same: no typed client reads it.
    if (streams) return stream(c, { holder, keyId, allocation, after: from }) as never
    const { items, next } = await poll(c.get('ctx'), { holder, allocation, after: given, limit, seconds: waitS })
    return c.json({ items: items.map(view), next }, 200)
  })
  .openapi(ofAllocation, async (c) => {
    const ctx = c.get('ctx')
    const holder = c.get('caller').tenant
    const { id } = c.req.valid('param')
    if (!(await allocationOf(ctx.db, holder, id))) throw new Problem('not_found', `no allocation ${id}`)
    const { items, next } = await poll(ctx, { holder, allocation: id, ...c.req.valid('query'), seconds: 0 })
    return c.json({ items: items.map(view), next }, 200)
  })

eventRoutes.openAPIRegistry.registerPath({
  ...list,
  responses: {
    ...list.responses,
    200: { ...list.responses[200], content: { ...list.responses[200].content, [EVENT_STREAM]: { schema: z.string() } } },
  },
})
