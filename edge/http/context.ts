import { createMiddleware } from 'hono/factory'
import { makeCtx, newTrace } from '../ctx.ts'
import type { Http } from './app.ts'

/** `traceparent` of W3C, version 00. */
const TRACEPARENT = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Gives each request its trace id (the caller's, when it sends one) and says it back. */
export const traced = createMiddleware<Http>(async (c, next) => {
  const given = TRACEPARENT.exec(c.req.header('traceparent') ?? '')?.[1]
  c.set('trace', given && !/^0+$/.test(given) ? given : newTrace())
  await next()
  if (c.res.status !== 101) c.res.headers.set('x-trace-id', c.get('trace'))
})

/** Opens the request's own context. Throws `not_configured`. */
export const withCtx = createMiddleware<Http>(async (c, next) => {
  c.set('ctx', await makeCtx(c.env, c.executionCtx, c.get('trace')))
  await next()
})
