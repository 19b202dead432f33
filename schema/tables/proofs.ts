import { sql } from 'drizzle-orm'
import { index, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import { PROOF_RESULTS, type ProofVerdict } from '../proof.ts'
import { bool, ms } from './columns.ts'

/** What an allocation for a proof has besides: one row each, with the same id. All times are the edge's own. */
export const proofs = sqliteTable(
  'proofs',
  {
    id: text().primaryKey(),
    validator: text().notNull(),
    hotkey: text().notNull(),
    openedAt: ms().notNull(),
    endsAt: ms().notNull(),
    /** No rent may take its cards: the two before it were taken so. */
    firm: bool().notNull(),
    goAt: ms(),
    committedAt: ms(),
    /** SHA-256 over what was fixed then. */
    digest: text(),
    /** When its validator closed it in time. */
    closedAt: ms(),
    /** The rent that took its cards. */
    preemptedBy: text(),
    /** When the wish said stop, for whatever reason. Kept by a trigger on `allocations`, never written by hand. */
    endedAt: ms(),
    result: text({ enum: PROOF_RESULTS }),
    /** Null: nobody said anything of it. One that came too late to close it is kept too. */
    verdict: text({ mode: 'json' }).$type<ProofVerdict>(),
  },
  (t) => [
    // One at a time: whatever the code above it does.
    uniqueIndex('proofs_open')
      .on(t.hotkey)
      .where(sql`ended_at IS NULL`),
    index('proofs_hotkey').on(t.hotkey, t.openedAt),
    index('proofs_validator')
      .on(t.validator)
      .where(sql`ended_at IS NULL`),
    index('proofs_ends')
      .on(t.endsAt)
      .where(sql`ended_at IS NULL`),
    index('proofs_closed')
      .on(t.closedAt)
      .where(sql`closed_at IS NOT NULL`),
    index('proofs_preempted')
      .on(t.preemptedBy)
      .where(sql`preempted_by IS NOT NULL`),
    index('proofs_ended').on(t.endedAt),
  ],
)
