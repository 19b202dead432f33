import { eq } from 'drizzle-orm'
import { progress } from '../../../schema/tables/validator/index.ts'
import { type Database, keyed } from './database.ts'
import type { Store } from './types.ts'

/** How far each loop got. */
export function progressOf(db: Database): Pick<Store, 'progress' | 'keepProgress'> {
  return {
    progress: () => db.turn(async ({ q }) => keyed(await q.select().from(progress), (row) => row.job)),
    keepProgress: (row) =>
      db.turn(async ({ q, write }) => {
        await write([q.delete(progress).where(eq(progress.job, row.job)), q.insert(progress).values(row)])
      }),
  }
}
