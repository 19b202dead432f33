import { ControlError } from '../core/control.ts'
import { reason } from '../core/mistake.ts'
import type { Clock } from '../core/ports.ts'
import { NotTheEdge } from '../core/identity.ts'
import { WishRefused } from './wish.ts'

export type Refusal = { code: string; message: string; atMs: number }

/** One word for why a sync did not do: the edge's own code, else whose fault it is. */
function codeOf(error: unknown): string {
  if (error instanceof ControlError || error instanceof WishRefused) return error.code
  return error instanceof NotTheEdge ? 'not_the_edge' : 'failed'
}

/** How it goes with the edge, for the eyes of the operator: nothing is decided by it. */
export class Pulse {
  readonly #clock: Clock
  #okMono: number | null = null
  /** Wall clock (ms) of the last sync that did; null: none since this process began. */
  okMs: number | null = null
  /** What went wrong since then. */
  refusal: Refusal | null = null
  socketUp = false
  /** Syncs by outcome: "ok" or a code. */
  readonly outcomes = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ok(): void {
    this.#okMono = this.#clock.monotonicMs()
    this.okMs = this.#clock.wallMs()
    this.refusal = null
    this.#count('ok')
  }

  failed(error: unknown): void {
    const code = codeOf(error)
    this.refusal = { code, message: reason(error), atMs: this.#clock.wallMs() }
    this.#count(code)
  }

  /** Seconds since the last sync that did. */
  get ageS(): number | null {
    return this.#okMono === null ? null : (this.#clock.monotonicMs() - this.#okMono) / 1000
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}
