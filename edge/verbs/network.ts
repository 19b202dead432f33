import type { Ctx } from '../ctx.ts'
import { read, type Rows } from '../store/db.ts'
import { lastPublished } from '../store/publications.ts'
import { countActive } from '../store/roster.ts'
import { appliedAt } from '../store/snapshots.ts'

/** What clients may know of the subnet: how many may act, and as of which block of the chain. */
export type Network = {
  netuid: number
  environment: string
  miners: number
  validators: number
  snapshot: { block: number; chainAtMs: number } | null
  /** Validators that published within SCORE_STALE_MS, and when the last one did. */
  published: { validators: number; at: number | null }
}

export async function networkOf(ctx: Ctx): Promise<Network> {
  const [counts, last, said] = (await read(ctx.db, [countActive(), appliedAt(), lastPublished(ctx.now())])) as [Rows, Rows, Rows]
  const active = new Map(counts.map((row) => [row['role'], Number(row['n'])]))
  const { NETUID: netuid, ENVIRONMENT: environment } = ctx.config
  const snapshot = (last[0] as Network['snapshot'] | undefined) ?? null
  return {
    netuid,
    environment,
    miners: active.get('miner') ?? 0,
    validators: active.get('validator') ?? 0,
    snapshot,
    published: said[0] as Network['published'],
  }
}
