import { eq, lte } from 'drizzle-orm'
import { penalties } from '../../../schema/tables/validator/index.ts'
import { type Database, keyed } from './database.ts'
import type { Store } from './types.ts'

/** Whom this validator punishes. Not bound to being on the subnet: leaving and coming back washes nobody clean. */
export function penaltiesOf(db: Database): Pick<Store, 'penalize' | 'pardon' | 'penalties'> {
  return {
    penalize: (row) =>
      db.turn(async ({ q, write }) => {
        await write([q.delete(penalties).where(eq(penalties.hotkey, row.hotkey)), q.insert(penalties).values(row)])
      }),
    pardon: (hotkey) =>
      db.turn(async ({ q, write }) => {
        const [removed] = await write([q.delete(penalties).where(eq(penalties.hotkey, hotkey))])
        return (removed?.rowsAffected ?? 0) > 0
      }),
    penalties: (nowMs) =>
      db.turn(async ({ q, write }) => {
        await write([q.delete(penalties).where(lte(penalties.until, nowMs))])
        return keyed(await q.select().from(penalties).where(lte(penalties.from, nowMs)), (row) => row.hotkey)
      }),
  }
}
