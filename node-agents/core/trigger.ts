import { rest } from './clock.ts'
import type { Clock } from './ports.ts'

/** One alarm for one waiting loop. Kicks while nobody waits are kept; many kicks ring once, at the earliest time asked for. */
export class Trigger {
  #at = Infinity
  #notBefore = -Infinity
  #poke: AbortController | null = null
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  kick(delayMs = 0): void {
    const at = this.#clock.monotonicMs() + delayMs
    if (at >= this.#at) return
    this.#at = at
    this.#poke?.abort()
  }

  /** No ring for so long, whoever kicks. */
  hold(ms: number): void {
    this.#notBefore = this.#clock.monotonicMs() + ms
  }

  /** Ends a hold. */
  free(): void {
    this.#notBefore = -Infinity
    this.#poke?.abort()
  }

  /** Resolves when it rings, which uses up every kick so far; rejects when the signal fires. */
  async next(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted()
      const ms = Math.max(this.#at, this.#notBefore) - this.#clock.monotonicMs()
      if (ms <= 0) break
      this.#poke = new AbortController()
      await rest(this.#clock, ms, AbortSignal.any([signal, this.#poke.signal]))
    }
    this.#at = Infinity
  }
}
