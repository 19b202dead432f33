import { sql } from 'drizzle-orm'
import type { RestartInput } from '../../schema/allocation.ts'
import { invalid, Problem } from '../../schema/problem.ts'
import type { Ctx } from '../ctx.ts'
import { allocationOf, type Shown } from '../store/allocations.ts'
import { act, type Mine } from './act.ts'

export type Restart = Mine & { input: RestartInput }

/**
 * Stops and starts the container once; a paused one stays paused. The number makes it once: a restart that was asked for already
 * changes nothing. Throws as `act` does, and `invalid_request` for a number that leaves some out.
 * @returns the number of the restart that was asked for
 */
export async function restart(ctx: Ctx, { holder, id, input }: Restart): Promise<number> {
  const known = await allocationOf(ctx.db, holder, id)
  if (!known) throw new Problem('not_found', `no allocation ${id}`)
  const next = known.row.restartN + 1
  const n = input.restart_n ?? next
  if (n > next) throw invalid('restart_n', `${known.row.restartN} restarts were asked for so far: give ${next}`)
  await act(ctx, { holder, id, asked: 'restart_asked', data: { n }, set: sql`restart_n = ${n}`, when: sql`a.restart_n < ${n}`, ready: true, byAgent: true })
  return n
}

export const restarted =
  (n: number) =>
  ({ row }: Shown) =>
    row.factIncarnation === row.incarnation && row.observedRestartN >= n && row.phase === (row.desired === 'pause' ? 'paused' : 'running')
