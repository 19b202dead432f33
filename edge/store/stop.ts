import { sql, type SQL } from 'drizzle-orm'
import type { StopReason } from '../../schema/allocation.ts'

/** What is set of an allocation when its wish says stop, whoever has it say so: nothing is waited for any more, so there is no deadline. */
export const toStop = (reason: StopReason | SQL, nowMs: number): SQL =>
  sql`desired = 'stop', stop_reason = ${reason}, stop_at = ${nowMs}, generation = generation + 1, deadline_at = NULL`
