/** Far more than an agent needs: a container that makes fast progress reports once in five seconds. */
export const AGENT_REQUESTS_PER_MINUTE = 240

/** An honest validator posts one at every 25th block, and again when an answer is lost. Each is read to its end, and may cost the database a write. */
export const SNAPSHOTS_PER_MINUTE = 60

/** A validator publishes and asks once in some minutes, and again when an answer is lost. Each may cost a walk over all miners. */
export const VALIDATOR_REQUESTS_PER_MINUTE = 30

/** A wave of 32 proofs at once: each is opened, asked for every 20 seconds while it starts, marked three times, and all of it again when answers are lost. */
export const PROOF_REQUESTS_PER_MINUTE = 600

/** Each leaves an entry in the audit log, which keeps everything. */
export const TAKEOVERS_PER_MINUTE = 10

const MINUTE_MS = 60_000
/** Windows kept before those that are over are thrown away. */
const KEPT = 2000

type Window = { startedAt: number; used: number }

/** How often each did something this minute. Memory only: losing it gives everybody a new minute. */
export class Rate {
  readonly #windows = new Map<string, Window>()

  /** Counts one. @returns 0 when it is within the limit, else seconds to wait */
  count(who: string, perMinute: number, nowMs: number): number {
    const known = this.#windows.get(who)
    const window = known && nowMs - known.startedAt < MINUTE_MS ? known : { startedAt: nowMs, used: 0 }
    if (this.#windows.size > KEPT) for (const [name, w] of this.#windows) if (nowMs - w.startedAt >= MINUTE_MS) this.#windows.delete(name)
    this.#windows.set(who, window)
    if (window.used >= perMinute) return Math.ceil((window.startedAt + MINUTE_MS - nowMs) / 1000)
    window.used++
    return 0
  }
}
