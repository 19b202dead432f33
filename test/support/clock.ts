import type { Clock } from '../../node-agents/core/ports.ts'

/** Time that moves when told to. `sleep` ends at once and moves it, so that loops over time run at full speed. */
export class HandClock implements Clock {
  #mono = 0
  #wall = 1_800_000_000_000

  wallMs(): number {
    return this.#wall
  }

  monotonicMs(): number {
    return this.#mono
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.pass(ms)
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }

  pass(ms: number): void {
    this.#mono += ms
    this.#wall += ms
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wall += ms
  }
}
