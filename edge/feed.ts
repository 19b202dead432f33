import { DurableObject } from 'cloudflare:workers'
import type { Env } from './env.ts'

/** How long a change is remembered for a waiter that arrives after it. */
const REMEMBERED_MS = 30_000
const MINUTE_MS = 60_000

type Window = { startedAt: number; used: number }

/** Waited for by who follows everything of the holder. */
const ANY = '*'

/** One a holder: requests that wait for an allocation, or for any of them, to change, and how often each key called this minute. Memory only. */
export class Feed extends DurableObject<Env> {
  private readonly waiters = new Map<string, Set<() => void>>()
  private readonly changes = new Map<string, number>()
  private readonly windows = new Map<string, Window>()

  /** Says that these allocations changed. */
  changed(allocations: string[]): void {
    const now = Date.now()
    for (const [id, at] of this.changes) if (now - at > REMEMBERED_MS) this.changes.delete(id)
    for (const id of [...allocations, ANY]) {
      this.changes.set(id, now)
      for (const wake of this.waiters.get(id) ?? []) wake()
    }
  }

  /** As `wait`, for any allocation of the holder. */
  waitAny(sinceMs: number, timeoutMs: number): Promise<void> {
    return this.wait(ANY, sinceMs, timeoutMs)
  }

  /** Resolves when the allocation changes, has changed since `sinceMs`, or after `timeoutMs`. */
  async wait(allocation: string, sinceMs: number, timeoutMs: number): Promise<void> {
    // In the same millisecond counts: reading once too often costs little, missing it costs the whole wait.
    if ((this.changes.get(allocation) ?? 0) >= sinceMs) return
    const set = this.waiters.get(allocation) ?? new Set()
    this.waiters.set(allocation, set)
    await new Promise<void>((done) => {
      const timer = setTimeout(finish, timeoutMs)
      function finish() {
        clearTimeout(timer)
        set.delete(finish)
        done()
      }
      set.add(finish)
    })
    if (set.size === 0 && this.waiters.get(allocation) === set) this.waiters.delete(allocation)
  }

  /** Counts one call of this kind. @returns 0 when it is within the limit, else seconds to wait */
  count(what: string, perMinute: number): number {
    const now = Date.now()
    const known = this.windows.get(what)
    const window = known && now - known.startedAt < MINUTE_MS ? known : { startedAt: now, used: 0 }
    this.windows.set(what, window)
    if (window.used >= perMinute) return Math.ceil((window.startedAt + MINUTE_MS - now) / 1000)
    window.used++
    return 0
  }
}
