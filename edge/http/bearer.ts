import { createMiddleware } from 'hono/factory'
import { Problem } from '../../schema/problem.ts'
import type { Scope } from '../../schema/keys.ts'
import { reached } from '../ctx.ts'
import { authenticate } from '../verbs/authenticate.ts'
import type { Http } from './app.ts'

/** Lets in who holds a key with one of these scopes, within the key's rate. */
export function bearer(...scopes: [Scope, ...Scope[]]) {
  return createMiddleware<Http>(async (c, next) => {
    const ctx = c.get('ctx')
    const secret = /^Bearer ([\x21-\x7e]{1,256})$/.exec(c.req.header('authorization') ?? '')?.[1]
    if (!secret) throw new Problem('unauthorized', 'send Authorization: Bearer <API key>')
    const caller = await authenticate(ctx, secret)
    if (!scopes.some((s) => caller.scopes.includes(s)))
      throw new Problem('forbidden', `this needs the scope ${scopes.map((s) => `"${s}"`).join(' or ')}; the key has ${caller.scopes.join(', ')}`)
    await limit(ctx.feed(caller.tenant).count(`request ${caller.keyId}`, caller.quota.requestsPerMinute), `${caller.quota.requestsPerMinute} requests a minute`)
    c.set('caller', caller)
    await next()
  })
}

/** The tighter limit on making allocations. */
export const allocationRate = createMiddleware<Http>(async (c, next) => {
  const { keyId, tenant, quota } = c.get('caller')
  await limit(c.get('ctx').feed(tenant).count(`allocate ${keyId}`, quota.allocationsPerMinute), `${quota.allocationsPerMinute} allocations a minute`)
  await next()
})

async function limit(counted: Promise<number>, what: string): Promise<void> {
  const wait = await reached(counted)
  if (wait > 0) throw new Problem('rate_limited', `this key may make ${what}; try again in ${wait} s`, { retry_after_s: wait })
}
