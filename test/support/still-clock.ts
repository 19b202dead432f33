import type { Clock } from '../../node-agents/core/ports.ts'

type Sleeper = { untilMs: number; wake: () => void }

/** Time that stands still until it is told to pass: who sleeps until then is woken. */
export class StillClock implements Clock {
  #nowMs = 0
  readonly #sleepers = new Set<Sleeper>()

  wallMs(): number {
    return 1_800_000_000_000 + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { untilMs: this.#nowMs + ms, wake: resolve }
      const stop = () => {
        this.#sleepers.delete(sleeper)
        reject(signal?.reason)
      }
      if (signal?.aborted) return stop()
      signal?.addEventListener('abort', stop, { once: true })
      this.#sleepers.add(sleeper)
    })
  }

  /** Somebody waits for time to pass. */
  get isAwaited(): boolean {
    return this.#sleepers.size > 0
  }

  pass(ms: number): void {
    this.#nowMs += ms
    for (const sleeper of [...this.#sleepers].filter(({ untilMs }) => untilMs <= this.#nowMs)) {
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }
}
