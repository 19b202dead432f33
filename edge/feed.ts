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
  /** Counts changes. A new instance begins elsewhere, so that who waited at the old one looks again. */
  private version = Date.now()

  /** Says that these allocations changed. */
  changed(allocations: string[]): void {
    const now = Date.now()
    for (const [id, at] of this.changes) if (now - at > REMEMBERED_MS) this.changes.delete(id)
    this.version++
    for (const id of [...allocations, ANY]) {
      this.changes.set(id, now)
      for (const wake of this.waiters.get(id) ?? []) wake()
    }
  }

  /**
   * For who follows everything of the holder: resolves with the count of changes as soon as it is not `seen`, or after `timeoutMs`.
   * No clock is compared, so none has to agree with ours. @param seen what this said last; null: say it at once
   */
  async waitAny(seen: number | null, timeoutMs: number): Promise<number> {
    if (seen === this.version) await this.woken(ANY, timeoutMs)
    return this.version
  }

  /** How many wait in `waitAny` right now. */
  followers(): number {
    return this.waiters.get(ANY)?.size ?? 0
  }

  /** Resolves when the allocation changes, has changed since `sinceMs`, or after `timeoutMs`. */
  async wait(allocation: string, sinceMs: number, timeoutMs: number): Promise<void> {
    if ((this.changes.get(allocation) ?? 0) > sinceMs) return
    await this.woken(allocation, timeoutMs)
  }

  private async woken(what: string, timeoutMs: number): Promise<void> {
    const set = this.waiters.get(what) ?? new Set()
    this.waiters.set(what, set)
    await new Promise<void>((done) => {
      const timer = setTimeout(finish, timeoutMs)
      function finish() {
        clearTimeout(timer)
        set.delete(finish)
        done()
      }
      set.add(finish)
    })
    if (set.size === 0 && this.waiters.get(what) === set) this.waiters.delete(what)
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
