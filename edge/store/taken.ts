import { sql } from 'drizzle-orm'
import type { Report } from '../../schema/sync.ts'
import type { Digest } from '../verbs/digest.ts'

/** A report on its way into the rows. `digest`: what it says in short; see verbs/digest.ts. */
export type Taken = { hotkey: string; report: Report; digest: Digest; token: string; nowMs: number }

/** True while the row still belongs to the report with this token: later statements of the batch hang on it. */
export const taken = (t: Taken) => sql`EXISTS (SELECT 1 FROM miners g WHERE g.hotkey = ${t.hotkey} AND g.sync_token = ${t.token})`
