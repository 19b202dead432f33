import { WARN_BEFORE_MS } from './protocol.ts'

/**
 * When (ms) a tenant is next warned that a lease runs out, or null: not any more. Pure.
 * Asked when a lease begins, when it is extended, and after each warning. A warning that would come at once is left out:
 * so is one as long as the whole lease.
 */
export function nextWarning(expiresAt: number, nowMs: number): number | null {
  const ahead = WARN_BEFORE_MS.map((before) => expiresAt - before).filter((at) => at > nowMs)
  return ahead.length === 0 ? null : Math.min(...ahead)
}
