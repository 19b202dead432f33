import type { Phase } from '../../schema/allocation.ts'
import type { Report } from '../../schema/sync.ts'
import type { Kept } from '../store/reports.ts'
import { covers, type Digest } from './digest.ts'

/** What stays as it is until somebody wants otherwise; in every other phase a report may have to set something in motion again. */
const AT_REST: ReadonlySet<Phase> = new Set(['running', 'paused'])

/** Whether the database already knows all that a report says, so that nothing needs to be written. Pure. */
export function isIdle(kept: Kept, report: Report, digest: Digest): boolean {
  return (
    kept.install === report.install &&
    kept.seq < report.seq &&
    kept.online === 'online' &&
    kept.fresh === 1 &&
    kept.heldSince === null &&
    kept.counting === 0 &&
    report.unexplained.length === 0 &&
    report.allocations.every((a) => AT_REST.has(a.phase) && a.error === null) &&
    covers(kept.digest, digest)
  )
}
