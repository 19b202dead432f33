import { BRAKE } from '../../schema/protocol.ts'
import type { Brake } from './brakes.ts'

/**
 * Miners that are unreachable: `fresh` since the window began (or since the brake was last released), `since` the brake was engaged;
 * `total` counts them and those that are there, not who was away long before.
 */
export type Away = { fresh: number; since: number; total: number }

const tooMany = (n: number, total: number) => n > BRAKE.moreThan && n > BRAKE.share * total

/**
 * The brake as it should stand now, or null. Pure. It holds until its miners are back, however long ago they went; once a person released
 * it, only those that go after that can engage it again.
 */
export function brake(held: Brake | null, away: Away, nowMs: number): Brake | null {
  const { fresh, since, total } = away
  const anew: Brake = { name: 'unreachable', sinceMs: nowMs, unreachable: fresh, total, releasedMs: null }
  if (held === null) return tooMany(fresh, total) ? anew : null
  if (held.releasedMs !== null && tooMany(fresh, total)) return anew
  return tooMany(since, total) ? { ...held, unreachable: since, total } : null
}

/** Whether it holds anything back. */
export const engaged = (held: Brake | null) => held !== null && held.releasedMs === null

/** As it stands in the settings; see `readBrake`. */
export const brakeValue = ({ sinceMs, unreachable, total, releasedMs }: Brake) =>
  JSON.stringify({ since: sinceMs, unreachable, total, released_at: releasedMs })
