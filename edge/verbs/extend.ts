import { sql } from 'drizzle-orm'
import type { ExtendInput } from '../../schema/allocation.ts'
import { invalid, Problem } from '../../schema/problem.ts'
import { nextWarning } from '../../schema/warn.ts'
import type { Caller } from '../caller.ts'
import type { Ctx } from '../ctx.ts'
import { act } from './act.ts'

/** Requests this close are one request sent again: the later end stands. */
const SAME_MS = { later: 1_000, earlier: 60_000 } as const

export type Extend = { caller: Caller; id: string; input: ExtendInput }

/**
 * Moves the end of a lease to so many hours from now, never to an earlier time. What has run out cannot be had back: its host may
 * have ended it already. A draining miner finishes what it runs, and no more. Throws as `act` does, and `invalid_request` naming `lease_hours`.
 */
export async function extend(ctx: Ctx, { caller, id, input }: Extend): Promise<void> {
  const { maxLeaseHours } = caller.quota
  if (input.lease_hours > maxLeaseHours) throw invalid('lease_hours', `this key may lease ${maxLeaseHours} hours at most`)
  const now = ctx.now()
  const until = now + Math.round(input.lease_hours * 3600_000)
  const found = await act(ctx, {
    holder: caller.tenant,
    id,
    asked: 'extended',
    data: { until: new Date(until).toISOString() },
    set: sql`expires_at = ${until}, warn_at = ${nextWarning(until, now)}`,
    when: sql`a.expires_at > ${now} AND a.expires_at + ${SAME_MS.later} <= ${until} AND NOT EXISTS (SELECT 1 FROM agents g WHERE g.hotkey = a.hotkey AND g.standing <> 'active')`,
    ready: false,
    byAgent: false,
  })
  if (found.expiresAt <= now) throw new Problem('conflict', `the lease of ${id} has run out`)
  if (found.draining === 1 && found.expiresAt + SAME_MS.later <= until)
    throw new Problem(
      'conflict',
      `its miner ${found.hotkey} is draining: ${id} runs until ${new Date(found.expiresAt).toISOString()} there; allocate elsewhere before`,
    )
  if (found.expiresAt > until + SAME_MS.earlier)
    throw invalid('lease_hours', `it is leased until ${new Date(found.expiresAt).toISOString()} already: ask for more, or release it`)
}
