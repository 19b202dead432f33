import type { Clock } from '../../ports.ts'

/** One time at which something must be over, which may be moved. Calls back once it is past; looks at the clock itself, so a timer that comes late changes nothing. */
export class Deadline {
  readonly #clock: Clock
  readonly #past: () => void
  #atMs = Number.POSITIVE_INFINITY
  #timer = new AbortController()

  constructor(clock: Clock, past: () => void) {
    this.#clock = clock
    this.#past = past
  }

  /** @param atMs of the monotonic clock */
  set(atMs: number): void {
    if (atMs === this.#atMs) return
    this.clear()
    this.#atMs = atMs
    void this.#wait(this.#timer.signal)
  }

  clear(): void {
    this.#timer.abort()
    this.#timer = new AbortController()
    this.#atMs = Number.POSITIVE_INFINITY
  }

  isPast(): boolean {
    return this.#clock.monotonicMs() > this.#atMs
  }

  async #wait(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (this.isPast()) return this.#past()
      try {
        // A timer may come a little early.
        await this.#clock.sleep(this.#atMs - this.#clock.monotonicMs() + 1, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    }
  }
}
