import type { Clock } from '../../core/ports.ts'

/** So long one waits for the others. A clock runs for some ten seconds; who stretches that, or sends slowly what he opens, holds nobody up for longer. */
export const QUIET_MS = 20_000

/**
 * Keeps this machine still while clocks run. All sessions share one thread, and checking what a wave opens takes seconds of it: with 32 at
 * once a line was looked at up to 2 s after it was there (measured; one in ten 0.3 s), and would be timed so. Hence no clock starts while
 * anybody is checked, and nobody is checked while a clock runs, but for who has waited long enough.
 */
export class Quiet {
  readonly #clock: Clock
  readonly #patienceMs: number
  readonly #now = new Map<object, 'timed' | 'checked'>()
  #changed = Promise.withResolvers<void>()

  constructor(clock: Clock, patienceMs = QUIET_MS) {
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** Its clock may start. Rejects when the signal fires. */
  async timed(who: object, signal: AbortSignal): Promise<void> {
    await this.#without('checked', signal)
    this.#set(who, 'timed')
  }

  /** Its clock has stopped; resolves when it may be checked. Rejects when the signal fires. */
  async checked(who: object, signal: AbortSignal): Promise<void> {
    this.over(who)
    await this.#without('timed', signal)
    this.#set(who, 'checked')
  }

  /** It is neither timed nor checked any more. */
  over(who: object): void {
    this.#now.delete(who)
    this.#stir()
  }

  #set(who: object, to: 'timed' | 'checked'): void {
    this.#now.set(who, to)
    this.#stir()
  }

  #stir(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  async #without(what: 'timed' | 'checked', signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const others = () => [...this.#now.values()].includes(what)
    if (!others()) return
    const over = new AbortController()
    const patience = this.#clock.sleep(this.#patienceMs, AbortSignal.any([signal, over.signal])).then(() => 'late' as const)
    try {
      while (others()) if ((await Promise.race([this.#changed.promise, patience])) === 'late') break
      signal.throwIfAborted()
    } finally {
      over.abort()
      patience.catch(() => undefined) // nobody waits for it any more
    }
  }
}
