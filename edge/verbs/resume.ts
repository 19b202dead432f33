import { sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'
import type { Shown } from '../store/allocations.ts'
import { act, type Mine } from './act.ts'

/** Lets what was paused run on. Throws as `act` does. */
export async function resume(ctx: Ctx, mine: Mine): Promise<void> {
  await act(ctx, { ...mine, asked: 'resume_asked', data: {}, set: sql`desired = 'run'`, when: sql`a.desired = 'pause'`, ready: true, byAgent: true })
}

export const resumed = ({ row }: Shown) => row.desired === 'run' && row.phase === 'running' && row.factIncarnation === row.incarnation
