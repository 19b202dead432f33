import { inArray } from 'drizzle-orm'
import type { Log } from '../../core/log.ts'
import { stats } from '../../../schema/tables/validator/index.ts'
import { type Database, keyed, replacing } from './database.ts'
import { ofThoseThere } from './subnet.ts'
import type { Store } from './types.ts'

/** The scores that miners have. */
export function statsOf(db: Database, log: Log): Pick<Store, 'keepStats' | 'stats'> {
  return {
    keepStats: (given) =>
      db.turn(async ({ q, write }) => {
        const rows = await ofThoseThere(q, given, (row) => row.block, log)
        const remove = (keys: string[]) => q.delete(stats).where(inArray(stats.hotkey, keys))
        await write(
          replacing(
            rows,
            (row) => row.hotkey,
            remove,
            (piece) => q.insert(stats).values(piece),
          ),
        )
      }),
    stats: () => db.turn(async ({ q }) => keyed(await q.select().from(stats), (row) => row.hotkey)),
  }
}
