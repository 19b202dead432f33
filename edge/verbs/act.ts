import { sql, type SQL } from 'drizzle-orm'
import type { EventKind } from '../../schema/event.ts'
import { Problem } from '../../schema/problem.ts'
import { PROTOCOL_OF_ACTS } from '../../schema/protocol.ts'
import type { Ctx } from '../ctx.ts'
import type { AllocationRow } from '../store/allocations.ts'
import { write } from '../store/db.ts'
import { JUST_CHANGED, tell } from '../store/events.ts'

/** Whose rental, and which. */
export type Mine = { holder: string; id: string }

/** A change of the wish for one rental. */
export type Act = Mine & {
  asked: EventKind
  data: Record<string, unknown>
  /** Columns of `a` to set. */
  set: SQL
  /** When that would change anything, a condition on `a`. */
  when: SQL
  /** It must have been ready once: there is something to act on. */
  ready: boolean
  /** The agent must do something that older ones cannot. */
  byAgent: boolean
}

/** The row an act found, after it. */
export type Found = Pick<AllocationRow, 'desired' | 'readyAt' | 'endedAt' | 'expiresAt' | 'hotkey' | 'restartN' | 'keysN'> & { draining: number }
type Read = Found & { protocol: number | null }

/**
 * Changes the wish in one batch, or nothing. Every guard stands in the statement itself, so nothing that stops, expires or moves at
 * the same moment is brought back. The same act again changes nothing, and wakes the host again: the first call may have been lost.
 * Throws `not_found`, `conflict`, `unsupported_by_miner`.
 */
export async function act(ctx: Ctx, a: Act): Promise<Found> {
  const now = ctx.now()
  const mine = sql`a.id = ${a.id} AND a.holder = ${a.holder} AND a.purpose = 'rent'`
  const ready = a.ready ? sql`a.ready_at IS NOT NULL` : sql`1`
  const able = a.byAgent ? sql`EXISTS (SELECT 1 FROM miners m WHERE m.hotkey = a.hotkey AND m.protocol >= ${PROTOCOL_OF_ACTS})` : sql`1`
  const results = await write(ctx.db, [
    sql`UPDATE allocations AS a SET ${a.set}, generation = generation + 1
      WHERE ${mine} AND a.desired <> 'stop' AND a.ended_at IS NULL AND ${ready} AND ${able} AND (${a.when})`,
    tell(a.id, a.asked, now, a.data, JUST_CHANGED, ctx.trace),
    sql`SELECT a.desired AS desired, a.ready_at AS readyAt, a.ended_at AS endedAt, a.expires_at AS expiresAt, a.hotkey AS hotkey, a.restart_n AS restartN, a.keys_n AS keysN,
        EXISTS (SELECT 1 FROM agents g WHERE g.hotkey = a.hotkey AND g.standing <> 'active') AS draining,
        (SELECT m.protocol FROM miners m WHERE m.hotkey = a.hotkey) AS protocol FROM allocations a WHERE ${mine}`,
  ])
  const found = results[2]?.[0] as Read | undefined
  if (!found) throw new Problem('not_found', `no allocation ${a.id}`)
  refuse(a, found)
  ctx.defer('wake', ctx.hub(found.hotkey).wake(found.hotkey))
  ctx.defer('changed', ctx.feed(a.holder).changed([a.id]))
  ctx.log.info(a.asked, { allocation: a.id })
  return found
}

/** Why the guards let nothing through, in words. */
function refuse({ id, ready, byAgent }: Act, row: Read): void {
  if (row.desired === 'stop' || row.endedAt !== null) throw new Problem('conflict', `${id} is ${row.endedAt === null ? 'being stopped' : 'over'}`)
  if (ready && row.readyAt === null) throw new Problem('conflict', `${id} has not been ready yet: wait until it runs`)
  if (byAgent && (row.protocol ?? 0) < PROTOCOL_OF_ACTS)
    throw new Problem('unsupported_by_miner', `the agent of ${row.hotkey} speaks protocol ${row.protocol}, this needs ${PROTOCOL_OF_ACTS}`)
}
