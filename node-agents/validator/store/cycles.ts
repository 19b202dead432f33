import { and, desc, eq, inArray, notInArray } from 'drizzle-orm'
import { type CycleState, weightCycles } from '../../../schema/tables/validator/index.ts'
import type { Database } from './database.ts'
import type { Store } from './types.ts'

/** Rows kept. Those of which something may still come are kept beyond. */
const CYCLES = 50
const FINAL: CycleState[] = ['confirmed', 'lost', 'different', 'refused', 'dropped']

/** Every setting of weights, and where it stands. */
export function cyclesOf(db: Database): Pick<Store, 'newCycle' | 'changeCycle' | 'cycles'> {
  return {
    newCycle: (cycle) =>
      db.turn(async ({ q, write }) => {
        const newest = q.select({ id: weightCycles.id }).from(weightCycles).orderBy(desc(weightCycles.id)).limit(CYCLES)
        const [made] = await write([
          q.insert(weightCycles).values(cycle).returning({ id: weightCycles.id }),
          q.delete(weightCycles).where(and(inArray(weightCycles.state, FINAL), notInArray(weightCycles.id, newest))),
        ])
        return Number(made?.rows[0]?.['id'])
      }),
    changeCycle: (id, change) =>
      db.turn(async ({ q, write }) => {
        const [changed] = await write([q.update(weightCycles).set(change).where(eq(weightCycles.id, id))])
        if (changed?.rowsAffected !== 1) throw new Error(`there is no cycle ${id}`)
      }),
    cycles: (limit) => db.turn(async ({ q }) => q.select().from(weightCycles).orderBy(desc(weightCycles.id)).limit(limit)),
  }
}
