/** So many may work at the same time. Whoever wants several places gets them all at once, and nobody who came later goes first. */
export class Places {
  #free: number
  readonly #waiting: { want: number; enter: () => void }[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when there are so many. Rejects when the signal fires before. */
  async take(want: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const waiting = { want, enter: resolve }
    const onAbort = () => {
      const at = this.#waiting.indexOf(waiting)
      if (at >= 0) this.#waiting.splice(at, 1)
      reject(signal.reason)
      this.#enter() // those behind it may fit
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.push(waiting)
    this.#enter()
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** One place back. */
  give(): void {
    this.#free++
    this.#enter()
  }

  #enter(): void {
    for (let [first] = this.#waiting; first && first.want <= this.#free; [first] = this.#waiting) {
      this.#waiting.shift()
      this.#free -= first.want
      first.enter()
    }
  }
}
