import type { ProofTarget } from '../../core/ports.ts'
import { againInMs, type Patience } from '../proofs/plan.ts'
import type { Tried } from './proof.ts'

type Waiting = { atMs: number; tries: number; last: Tried | null }

/** Who is tried again within a round, and what there is to keep of them if nothing better comes. */
export class Again {
  readonly #patience: Patience
  readonly #round: { fromMs: number; horizon: number }
  readonly #waiting = new Map<string, Waiting>()

  /** @param round monotonic time at which it began, and milliseconds after which nobody is tried again */
  constructor(patience: Patience, round: { fromMs: number; horizon: number }) {
    this.#patience = patience
    this.#round = round
  }

  /**
   * Takes what came of a try.
   * @returns what is to be kept now: this one, the last that failed when the round gives up, or null while there is hope or nothing to keep
   */
  after(tried: Tried, nowMs: number): Tried | null {
    const { hotkey } = tried.target
    const before = this.#waiting.get(hotkey)
    this.#waiting.delete(hotkey)
    const outcome = tried.outcome === 'failed' || tried.outcome === 'put_off' ? tried.outcome : 'done'
    const tries = (before?.tries ?? 0) + 1
    const last = tried.outcome === 'failed' ? tried : (before?.last ?? null)
    const { fromMs, horizon } = this.#round
    const inMs = againInMs({ tries, outcome, retryAfterS: tried.retryAfterS }, { elapsedMs: nowMs - fromMs, horizon }, this.#patience)
    if (inMs !== null) this.#waiting.set(hotkey, { atMs: nowMs + inMs, tries, last })
    if (outcome === 'done') return tried // a fault of our own keeps nothing: it is found out another time
    return inMs === null ? last : null
  }

  /** In how many milliseconds somebody is due; null: nobody waits. */
  nextInMs(nowMs: number): number | null {
    return this.#waiting.size === 0 ? null : Math.max(0, Math.min(...[...this.#waiting.values()].map((w) => w.atMs)) - nowMs)
  }

  /** Those of `free` who are due, with those who would be soon: they are proved together. Who waits longer stays. */
  due(free: readonly ProofTarget[], nowMs: number): ProofTarget[] {
    const soon = nowMs + this.#patience.intervalMs / 2
    return free.filter(({ hotkey }) => (this.#waiting.get(hotkey)?.atMs ?? Infinity) <= soon)
  }

  /** Those who were due and cannot be tried: somebody rents them now. @returns what is to be kept of them */
  drop(nowMs: number, tried: ReadonlySet<string>): Tried[] {
    const gone = [...this.#waiting].filter(([hotkey, w]) => w.atMs <= nowMs && !tried.has(hotkey))
    for (const [hotkey] of gone) this.#waiting.delete(hotkey)
    return gone.flatMap(([, { last }]) => last ?? [])
  }
}
