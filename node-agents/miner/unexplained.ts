import type { Log } from '../core/log.ts'
import type { Clock } from '../core/ports.ts'
import type { Key } from './key.ts'

/** What the wish does not mention is held this long, and over so many full syncs, at least. A restart of the agent begins anew. */
export const HOLD = { ms: 10 * 60_000, fullSyncs: 2 } as const

/** One container of ours that the wish does not mention. */
export type Stray = {
  key: Key
  /** Monotonic ms. */
  since: number
  fullSyncs: number
  /** Seen together with others: then a person decides, also about the last one that is left. */
  several: boolean
}

export type Ground = {
  strays: readonly Stray[]
  /** By the operator. */
  confirmed: ReadonlySet<Key>
  /** Whose agreed end is past. */
  over: ReadonlySet<Key>
  nowMonotonicMs: number
}

/** Which of them may be removed now. One alone goes after a while; a wish that would remove more waits for a person. Pure. */
export function mayGo({ strays, confirmed, over, nowMonotonicMs }: Ground): Set<Key> {
  const ripe = (s: Stray) => !s.several && nowMonotonicMs - s.since >= HOLD.ms && s.fullSyncs >= HOLD.fullSyncs
  return new Set(strays.filter((s) => confirmed.has(s.key) || over.has(s.key) || ripe(s)).map((s) => s.key))
}

/** For the operator: since when, and when it goes (wall ms). null: when it is confirmed. */
export type Candidate = { key: Key; sinceMs: number; goesAtMs: number | null }

/** Containers nobody explains, and for how long. */
export class Unexplained {
  readonly #clock: Clock
  readonly #log: Log
  readonly #traceOf: (key: Key) => string | undefined
  readonly #confirmed = new Set<Key>()
  #strays = new Map<Key, Stray>()

  /** @param traceOf for the log: the trace of the rental a container was made for */
  constructor(clock: Clock, log: Log, traceOf: (key: Key) => string | undefined = () => undefined) {
    this.#clock = clock
    this.#log = log
    this.#traceOf = traceOf
  }

  /**
   * After a look at the engine. @param keys all that the wish does not mention @param over those whose agreed end is past
   * @returns which may go now
   */
  look(keys: readonly Key[], over: ReadonlySet<Key>): Set<Key> {
    const now = this.#clock.monotonicMs()
    const before = this.#strays
    this.#strays = new Map(keys.map((key) => [key, before.get(key) ?? this.#found(key, now)]))
    for (const key of this.#confirmed) if (!this.#strays.has(key)) this.#confirmed.delete(key)
    this.#group(over)
    return mayGo({ strays: [...this.#strays.values()], confirmed: this.#confirmed, over, nowMonotonicMs: now })
  }

  #found(key: Key, now: number): Stray {
    const minutes = HOLD.ms / 60_000
    this.#log.warn(
      { container: key, trace: this.#traceOf(key) },
      `the edge does not mention this container: it is held for ${minutes} minutes and ${HOLD.fullSyncs} full syncs at least`,
    )
    return { key, since: now, fullSyncs: 0, several: false }
  }

  #group(over: ReadonlySet<Key>): void {
    const open = [...this.#strays.values()].filter((s) => !over.has(s.key) && !this.#confirmed.has(s.key))
    if (open.length < 2 || open.every((s) => s.several)) return
    for (const s of open) this.#strays.set(s.key, { ...s, several: true })
    const containers = open.map((s) => s.key)
    this.#log.warn(
      { containers, traces: containers.map(this.#traceOf) },
      `the edge does not mention ${open.length} containers: none is removed before somebody runs: compute miner confirm`,
    )
  }

  /** A full sync was answered. @param wished what the edge mentioned */
  heard(wished: ReadonlySet<Key>): void {
    for (const [key, s] of this.#strays) if (!wished.has(key)) this.#strays.set(key, { ...s, fullSyncs: s.fullSyncs + 1 })
  }

  /** The operator says that they may go. @returns those that are unexplained */
  confirm(keys: readonly Key[]): Key[] {
    const meant = [...this.#strays.keys()].filter((key) => keys.includes(key))
    for (const key of meant) {
      this.#confirmed.add(key)
      this.#log.warn({ container: key, trace: this.#traceOf(key) }, 'the operator confirmed: this container may go')
    }
    return meant
  }

  get candidates(): Candidate[] {
    const wall = this.#clock.wallMs() - this.#clock.monotonicMs()
    return [...this.#strays.values()].map(({ key, since, several }) => ({ key, sinceMs: since + wall, goesAtMs: several ? null : since + wall + HOLD.ms }))
  }
}
