import type { ProofTarget } from '../../core/ports.ts'
import { againInMs, type Patience } from '../proofs/plan.ts'
import type { Tried } from './proof.ts'

/** Who is tried again within a round, and when. */
export class Again {
  readonly #patience: Patience
  readonly #round: { fromMs: number; horizon: number }
  /** Tries so far by hotkey, and when the next one is due; null: never. */
  readonly #tries = new Map<string, { count: number; atMs: number | null }>()

  /** @param round monotonic time at which it began, and milliseconds after which nobody is tried again */
  constructor(patience: Patience, round: { fromMs: number; horizon: number }) {
    this.#patience = patience
    this.#round = round
  }

  /** Takes what came of a try. */
  after({ target, outcome, retryAfterS }: Tried, nowMs: number): void {
    const count = (this.#tries.get(target.hotkey)?.count ?? 0) + 1
    const { fromMs, horizon } = this.#round
    const last = { tries: count, outcome: outcome === 'failed' || outcome === 'put_off' ? outcome : ('done' as const), retryAfterS }
    const inMs = againInMs(last, { elapsedMs: nowMs - fromMs, horizon }, this.#patience)
    this.#tries.set(target.hotkey, { count, atMs: inMs === null ? null : nowMs + inMs })
  }

  /** In how many milliseconds somebody is due; null: nobody waits. */
  nextInMs(nowMs: number): number | null {
    const waiting = [...this.#tries.values()].flatMap(({ atMs }) => atMs ?? [])
    return waiting.length === 0 ? null : Math.max(0, Math.min(...waiting) - nowMs)
  }

  /** Those of `free` who are due, with those who would be soon: they are proved together. Who is due and not free has had his chance. */
  take(free: readonly ProofTarget[], nowMs: number): ProofTarget[] {
    const soonMs = nowMs + this.#patience.intervalMs / 2
    const due = new Set([...this.#tries].flatMap(([hotkey, { atMs }]) => (atMs !== null && atMs <= soonMs ? [hotkey] : [])))
    for (const hotkey of due) this.#tries.set(hotkey, { count: this.#tries.get(hotkey)?.count ?? 0, atMs: null })
    return free.filter(({ hotkey }) => due.has(hotkey))
  }
}
