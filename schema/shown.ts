import type { Desired, Phase, StopReason, ShownState } from './allocation.ts'

/** The columns a client's state is made of; see DESIGN §4. */
export type Columns = {
  desired: Desired
  stopReason: StopReason | null
  incarnation: number
  factIncarnation: number
  phase: Phase
  unreachableSince: number | null
  endedAt: number | null
}

/**
 * The state a client sees. Pure: wish and fact are stored, this never is.
 *
 *   pending ──▶ starting ──▶ running ◀──▶ paused
 *      │            │         ▲  │           │
 *      │            │         │  ▼           ▼
 *      │            │     unreachable (from any state that runs or starts)
 *      ▼            ▼         │
 *   failed ◀── a wish that gave up        stopping ──▶ ended
 *
 * A wish to stop wins over every fact but "gone"; a fact about an older incarnation says nothing about this one.
 */
export function shown(c: Columns): ShownState {
  if (c.desired === 'stop') return stopped(c)
  if (c.endedAt !== null) return 'ended'
  if (c.unreachableSince !== null) return 'unreachable'
  if (c.factIncarnation !== c.incarnation) return 'pending'
  return BY_PHASE[c.phase]
}

function stopped(c: Columns): ShownState {
  if (c.stopReason !== null && GAVE_UP.has(c.stopReason)) return 'failed'
  if (c.endedAt !== null) return 'ended'
  return c.phase === 'gone' && c.factIncarnation === c.incarnation ? 'ended' : 'stopping'
}

const GAVE_UP: ReadonlySet<StopReason> = new Set(['no_capacity', 'not_ready', 'lost'])

/** Under a wish to run, "failed" and "gone" are on their way to another miner, or to a wish that gave up. */
const BY_PHASE: Record<Phase, ShownState> = {
  none: 'pending',
  pulling: 'starting',
  creating: 'starting',
  starting: 'starting',
  running: 'running',
  paused: 'paused',
  stopping: 'stopping',
  gone: 'pending',
  failed: 'pending',
}
