import { sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'
import type { Shown } from '../store/allocations.ts'
import { act, type Mine } from './act.ts'

/** Freezes what runs; the rental, its GPUs and its lease go on. Throws as `act` does. */
export async function pause(ctx: Ctx, mine: Mine): Promise<void> {
  await act(ctx, { ...mine, asked: 'pause_asked', data: {}, set: sql`desired = 'pause'`, when: sql`a.desired = 'run'`, ready: true, byAgent: true })
}

export const paused = ({ row }: Shown) => row.desired === 'pause' && row.phase === 'paused' && row.factIncarnation === row.incarnation
