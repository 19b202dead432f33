import { createMiddleware } from 'hono/factory'
import { verifyRequest } from '../../schema/btauth.ts'
import { Problem } from '../../schema/problem.ts'
import type { Role } from '../../schema/miner.ts'
import { type Ctx, reached } from '../ctx.ts'
import { AGENT_REQUESTS_PER_MINUTE, SNAPSHOTS_PER_MINUTE } from '../hub/rate.ts'
import { roleOf } from '../verbs/admit.ts'
import type { Http } from './app.ts'

/**
 * Lets in a hotkey that signed exactly this request, once, and may make it. The signature is over the bytes received;
 * the nonce is kept only after it held, so that nobody can burn another's nonces. @param may throws for whom it is not
 */
function signedBy(perMinute: number, may: (ctx: Ctx, hotkey: string) => Promise<void> | void) {
  return createMiddleware<Http>(async (c, next) => {
    const ctx = c.get('ctx')
    const url = new URL(c.req.url)
    const body = new Uint8Array(await c.req.arrayBuffer())
    const request = { method: c.req.method, target: url.pathname + url.search, body, header: (name: string) => c.req.header(name) ?? null }
    const verified = verifyRequest(request, ctx.config.EDGE_ADDRESS, ctx.now())
    if (!verified.ok) throw new Problem(verified.code, verified.detail, verified.code === 'stale' ? { server_time_ms: ctx.now() } : {})
    const { hotkey, nonce } = verified
    await may(ctx, hotkey)
    // Last, so that strangers cannot fill the Hub with nonces of keys they just made up.
    const { replayed, waitS } = await reached(ctx.hub(hotkey).admit(hotkey, nonce, perMinute))
    if (waitS > 0) throw new Problem('rate_limited', `a hotkey may make ${perMinute} such requests a minute`, { retry_after_s: waitS })
    if (replayed) throw new Problem('replayed')
    c.set('hotkey', hotkey)
    await next()
  })
}

/** For a hotkey with this role. @param perMinute how often it may; requests of another number are counted apart */
export function signed(role: Role, perMinute = AGENT_REQUESTS_PER_MINUTE) {
  return signedBy(perMinute, async (ctx, hotkey) => {
    const actual = await roleOf(ctx, hotkey)
    if (actual === null) throw new Problem('not_admitted', `${hotkey} is not admitted; ${admission(ctx, hotkey, role)}`)
    if (actual !== role) throw new Problem('wrong_role', `${hotkey} is a ${actual}, this is for a ${role}`)
  })
}

function admission(ctx: Ctx, hotkey: string, role: Role): string {
  if (ctx.config.ENVIRONMENT === 'development') return `an admin runs: compute admin allow ${hotkey} --role ${role}`
  return `register it on subnet ${ctx.config.NETUID} first; the edge hears of it within about ten minutes`
}

/** For a validator that the operator of this edge trusts; whatever its role, as roles come from what it says. */
export function trusted() {
  return signedBy(SNAPSHOTS_PER_MINUTE, (ctx, hotkey) => {
    if (!ctx.config.TRUSTED_VALIDATORS.includes(hotkey))
      throw new Problem('not_trusted', `${hotkey} is not one of TRUSTED_VALIDATORS; the operator of this edge sets it`)
  })
}
