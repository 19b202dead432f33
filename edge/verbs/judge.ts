import { FRESH_MS, LIVENESS } from '../../schema/protocol.ts'
import type { Online } from '../../schema/tables/agents.ts'

/** What a shard knows of one miner. All times in ms; `heardAt` is its last ping or signed request, null when it is known by name only. */
export type Known = { sinceMs: number; heardAtMs: number | null; fullAtMs: number | null; online: Online | null }

/** `graceUntilMs`: until then silence may be ours, as after a deploy or while the shard itself slept. */
export type Moment = { nowMs: number; graceUntilMs: number }

/** null: there is nothing to say yet. */
export type Judgement = { online: Online | null; fresh: boolean | null }

/** How a miner is, by how long it was silent. Pure. Nobody becomes unreachable in a time of grace; who was stays so. */
export function judge(known: Known, moment: Moment): Judgement {
  return { online: onlineOf(known, moment), fresh: freshOf(known, moment.nowMs) }
}

function onlineOf({ sinceMs, heardAtMs, online }: Known, { nowMs, graceUntilMs }: Moment): Online | null {
  const silentMs = nowMs - (heardAtMs ?? sinceMs)
  if (silentMs >= LIVENESS.unreachableMs && (nowMs >= graceUntilMs || online === 'unreachable')) return 'unreachable'
  if (heardAtMs === null) return null
  return silentMs < LIVENESS.suspectMs ? 'online' : 'suspect'
}

/** Alive is not healthy: it must have told everything lately. */
function freshOf({ sinceMs, fullAtMs }: Known, nowMs: number): boolean | null {
  if (fullAtMs !== null) return nowMs - fullAtMs < FRESH_MS
  return nowMs - sinceMs < FRESH_MS ? null : false
}
