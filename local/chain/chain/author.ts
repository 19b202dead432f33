import type { Chain } from './chain.ts'

/** When blocks are made: every so many ms, only when told to, or at once when there is something to put in. */
export type Pace = number | 'manual' | 'instant'

/** How far finality stays behind the head where blocks come by time. */
const FINALITY_DEPTH = 2
/** A client loses "inBlock" when it hears of both in one go. */
const FINALITY_MS = 50

/** Makes blocks and finality at a pace. */
export class Author {
  readonly #chain: Chain
  readonly #pace: Pace
  readonly #timers = new Set<NodeJS.Timeout>()
  #interval: NodeJS.Timeout | null = null
  #soon: NodeJS.Immediate | null = null
  /** No new heads; no finality. */
  readonly stalled = { heads: false, finality: false }

  constructor(chain: Chain, pace: Pace) {
    this.#chain = chain
    this.#pace = pace
    if (typeof pace === 'number') this.#interval = setInterval(() => this.#tick(), pace)
  }

  /** Something waits for a block. */
  wanted(): void {
    if (this.#pace !== 'instant' || this.#soon) return
    this.#soon = setImmediate(() => {
      this.#soon = null
      if (this.stalled.heads) return
      this.#chain.produce()
      this.#finalizeLater()
    })
  }

  stop(): void {
    if (this.#interval) clearInterval(this.#interval)
    if (this.#soon) clearImmediate(this.#soon)
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #tick(): void {
    if (this.stalled.heads) return
    const { number } = this.#chain.produce()
    if (!this.stalled.finality) this.#chain.finalize(number - FINALITY_DEPTH)
  }

  #finalizeLater(): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (!this.stalled.finality) this.#chain.finalize()
    }, FINALITY_MS)
    this.#timers.add(timer)
  }
}
