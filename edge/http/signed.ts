import { createMiddleware } from 'hono/factory'
import { verifyRequest } from '../../schema/btauth.ts'
import { Problem } from '../../schema/problem.ts'
import type { Role } from '../../schema/miner.ts'
import { reached } from '../ctx.ts'
import { AGENT_REQUESTS_PER_MINUTE } from '../hub/rate.ts'
import { roleOf } from '../verbs/admit.ts'
import type { Http } from './app.ts'

/**
 * Lets in a hotkey with this role that signed exactly this request, once. The signature is over the bytes received;
 * the nonce is kept only after it held, so that nobody can burn another's nonces.
 */
export function signed(role: Role) {
  return createMiddleware<Http>(async (c, next) => {
    const ctx = c.get('ctx')
    const url = new URL(c.req.url)
    const body = new Uint8Array(await c.req.arrayBuffer())
    const request = { method: c.req.method, target: url.pathname + url.search, body, header: (name: string) => c.req.header(name) ?? null }
    const verified = verifyRequest(request, ctx.config.EDGE_ADDRESS, ctx.now())
    if (!verified.ok) throw new Problem(verified.code, verified.detail, verified.code === 'stale' ? { server_time_ms: ctx.now() } : {})
    const { hotkey, nonce } = verified
    const actual = await roleOf(ctx, hotkey)
    if (actual === null) throw new Problem('not_admitted', `${hotkey} is not admitted; an admin runs: compute admin allow ${hotkey} --role ${role}`)
    if (actual !== role) throw new Problem('wrong_role', `${hotkey} is a ${actual}, this is for a ${role}`)
    // Last, so that strangers cannot fill the Hub with nonces of keys they just made up.
    const { replayed, waitS } = await reached(ctx.hub(hotkey).admit(hotkey, nonce))
    if (waitS > 0) throw new Problem('rate_limited', `a hotkey may make ${AGENT_REQUESTS_PER_MINUTE} requests a minute`, { retry_after_s: waitS })
    if (replayed) throw new Problem('replayed')
    c.set('hotkey', hotkey)
    await next()
  })
}
