import { and, desc, eq, lt, sql } from 'drizzle-orm'
import { allocations, apiKeys, claims, gpus, miners } from '../../schema/tables/index.ts'
import { type Db, retrying } from './db.ts'

export type AllocationRow = typeof allocations.$inferSelect
export type GpuOfAllocation = { uuid: string; model: string; vram_mb: number }

/** A row with what is needed to show it. */
export type Shown = { row: AllocationRow; gpus: GpuOfAllocation[]; driver: (typeof miners.$inferSelect)['driver'] | null; simulated: boolean }

const gpusOf = sql<string>`(SELECT json_group_array(json_object('uuid', g.uuid, 'model', g.model, 'vram_mb', g.vram_mb)) FROM ${claims} c
  JOIN ${gpus} g ON g.hotkey = c.hotkey AND g.uuid = c.uuid WHERE c.allocation_id = ${allocations.id} AND c.incarnation = ${allocations.incarnation})`

function select(db: Db) {
  return db
    .select({ row: allocations, gpus: gpusOf, driver: miners.driver, simulated: miners.simulated })
    .from(allocations)
    .leftJoin(miners, eq(miners.hotkey, allocations.hotkey))
}

type Selected = Awaited<ReturnType<typeof select>>[number]

const shown = (r: Selected): Shown => ({ row: r.row, gpus: JSON.parse(r.gpus) as GpuOfAllocation[], driver: r.driver, simulated: r.simulated ?? false })

/** One allocation of this holder, or null: another tenant's looks the same as none. */
export async function allocationOf(db: Db, holder: string, id: string): Promise<Shown | null> {
  const [found] = await retrying(() => select(db).where(and(eq(allocations.id, id), eq(allocations.holder, holder), eq(allocations.purpose, 'rent'))))
  return found ? shown(found) : null
}

/** Newest first, older than `before` (an id; ids sort by time). */
export async function allocationsOf(db: Db, holder: string, limit: number, before: string | undefined): Promise<Shown[]> {
  const mine = and(eq(allocations.holder, holder), eq(allocations.purpose, 'rent'), before ? lt(allocations.id, before) : undefined)
  const rows = await retrying(() => select(db).where(mine).orderBy(desc(allocations.id)).limit(limit))
  return rows.map(shown)
}

export async function allocationById(db: Db, id: string): Promise<AllocationRow | null> {
  const [row] = await retrying(() => db.select().from(allocations).where(eq(allocations.id, id)))
  return row ?? null
}

export async function byIdempotencyKey(db: Db, holder: string, key: string): Promise<AllocationRow | null> {
  const [row] = await retrying(() =>
    db
      .select()
      .from(allocations)
      .where(and(eq(allocations.holder, holder), eq(allocations.idempotencyKey, key))),
  )
  return row ?? null
}

/** GPUs and allocations a key holds: what is asked to stop no longer counts. */
export async function usageOf(db: Db, keyId: string): Promise<{ gpus: number; allocations: number }> {
  const [row] = await retrying(() =>
    db
      .select({ gpus: sql<number>`coalesce(sum(${allocations.gpuWant}), 0)`, allocations: sql<number>`count(*)` })
      .from(allocations)
      .where(and(eq(allocations.keyId, keyId), sql`${allocations.desired} <> 'stop'`)),
  )
  return row ?? { gpus: 0, allocations: 0 }
}

/** The GPU quota of a key; a key that is gone may take nothing more. */
export async function maxGpusOf(db: Db, keyId: string): Promise<number> {
  const [row] = await retrying(() => db.select({ maxGpus: apiKeys.maxGpus }).from(apiKeys).where(eq(apiKeys.id, keyId)))
  return row?.maxGpus ?? 0
}
