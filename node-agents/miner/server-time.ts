import type { Clock } from '../core/ports.ts'

/** A difference between wall and monotonic clock above this is a jump: one of them cannot be trusted. */
const JUMP_MS = 60_000
/** How long expiry may wait for a sync to settle the time. */
const PATIENCE_MS = 3600_000

/**
 * The edge's time, for expiry without the edge: its time at the last sync plus monotonic time since.
 * A clock jump (or a start before any sync) pauses enforcement until the next sync, one hour at most.
 */
export class ServerTime {
  readonly #clock: Clock
  #anchor: { serverMs: number; monotonicMs: number; wallMs: number } | null = null
  #doubtSince: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#doubtSince = clock.monotonicMs()
  }

  /** The edge just said it is `serverMs`. */
  anchor(serverMs: number): void {
    this.#anchor = { serverMs, monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() }
    this.#doubtSince = Infinity
  }

  /** How far the wall clock of this machine is behind the edge's time (ms); null before the first sync. */
  get offsetMs(): number | null {
    const a = this.#anchor
    return a && a.serverMs + this.#clock.monotonicMs() - a.monotonicMs - this.#clock.wallMs()
  }

  /** Milliseconds since 1970 at the edge, or null while nobody can say. */
  now(): number | null {
    const mono = this.#clock.monotonicMs()
    const patient = () => mono - this.#doubtSince < PATIENCE_MS
    if (!this.#anchor) return patient() ? null : this.#clock.wallMs()
    const passed = mono - this.#anchor.monotonicMs
    const jump = Math.abs(this.#clock.wallMs() - this.#anchor.wallMs - passed)
    if (jump <= JUMP_MS) this.#doubtSince = Infinity
    else if (this.#doubtSince === Infinity) this.#doubtSince = mono
    return jump <= JUMP_MS || !patient() ? this.#anchor.serverMs + passed : null
  }
}
