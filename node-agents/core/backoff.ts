/** Delays that double with every failure, with jitter, until something succeeds. */
export class Backoff {
  #failures = 0
  readonly #firstMs: number
  readonly #maxMs: number
  readonly #random: () => number

  constructor(firstMs: number, maxMs: number, random: () => number = Math.random) {
    this.#firstMs = firstMs
    this.#maxMs = maxMs
    this.#random = random
  }

  /** Milliseconds to wait after one more failure: between half and all of the current step. */
  next(): number {
    const step = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures++, 30))
    return step / 2 + (this.#random() * step) / 2
  }

  reset(): void {
    this.#failures = 0
  }
}
