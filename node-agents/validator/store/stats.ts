import { inArray } from 'drizzle-orm'
import type { Log } from '../../core/log.ts'
import { stats } from '../../../schema/tables/validator/index.ts'
import { type Database, keyed, pieces } from './database.ts'
import { ofThoseThere } from './subnet.ts'
import type { Store } from './types.ts'

/** The scores that miners have. */
export function statsOf(db: Database, log: Log): Pick<Store, 'keepStats' | 'stats'> {
  return {
    keepStats: (given) =>
      db.turn(async ({ q, write }) => {
        const groups = pieces(await ofThoseThere(q, given, (row) => row.block, log))
        await write(
          groups.flatMap((rows) => [
            q.delete(stats).where(
              inArray(
                stats.hotkey,
                rows.map((r) => r.hotkey),
              ),
            ),
            q.insert(stats).values(rows),
          ]),
        )
      }),
    stats: () => db.turn(async ({ q }) => keyed(await q.select().from(stats), (row) => row.hotkey)),
  }
}
