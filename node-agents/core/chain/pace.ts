/** Heads looked back on. */
const WINDOW = 20
/** Fewer tell nothing. */
const LEAST = 5

/**
 * From block to block in ms. Slots that nobody fills make blocks come later than the runtime says, never sooner; only a development chain
 * that is faster than its runtime makes them come sooner, and there what was measured counts.
 */
export class Pace {
  #seen: { number: number; timeMs: number }[] = []

  add(number: number, timeMs: number): void {
    const last = this.#seen.at(-1)
    // After a replaced block, or another endpoint, counting begins anew.
    if (last && number <= last.number) this.#seen = []
    this.#seen = [...this.#seen, { number, timeMs }].slice(-WINDOW)
  }

  blockMs(slotMs: number): number {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)]
    if (!first || !last || this.#seen.length < LEAST) return slotMs
    return Math.min(slotMs, (last.timeMs - first.timeMs) / (last.number - first.number))
  }
}
