import type { AllocationFact, Failure, Phase, Progress } from '../../schema/index.ts'
import type { Container } from '../core/ports.ts'
import { type Key, keyOf } from './key.ts'

type Endpoint = NonNullable<AllocationFact['endpoint']>

/** What is known of one container beyond what the engine shows. Lost with the process, found out again by looking. */
export type Note = {
  /** What the work under way is doing; null: none is under way. */
  phase: Phase | null
  progress: Progress | null
  /** A trouble that did not end the container. */
  failure: Failure | null
  /** Why the guard of the disk keeps it frozen, whatever the wish says. */
  held: Failure | null
  /** Set once its SSH server answered. */
  endpoint: Endpoint | null
  /** Restarts in quick succession, and when the last one was (monotonic ms). */
  restarts: number
  restartedAt: number
  /** How it last ended by itself, while that is recent. */
  ended: Failure | null
  /** A restart that is counted and not done: the number of those that were done before it. */
  owed: number | null
  /** That restart has stopped it: what is left is to start it, which may have happened without our hearing of it. */
  stopped: boolean
}

export type Notes = ReadonlyMap<Key, Note>

const EMPTY: Note = {
  phase: null,
  progress: null,
  failure: null,
  held: null,
  endpoint: null,
  restarts: 0,
  restartedAt: -Infinity,
  ended: null,
  owed: null,
  stopped: false,
}
const MOST_RESTARTS = 3
/** After so many quick restarts the next one waits this long. */
const WORN_MS = 5 * 60_000
/** A container that lived this long after a restart was restarted well. */
const SETTLED_MS = 10 * 60_000

type Named = Parameters<typeof keyOf>[0]

/** The agent's notes in memory. */
export class Book {
  readonly #notes = new Map<Key, Note>()

  get notes(): Notes {
    return this.#notes
  }

  write(n: Named, change: Partial<Note>): void {
    this.#notes.set(keyOf(n), { ...(this.#notes.get(keyOf(n)) ?? EMPTY), ...change })
  }

  /** It ended and was started again. @param ended how, where its tenant did not ask for it */
  restarted(n: Named, ended: Failure | null, nowMonotonicMs: number): void {
    this.write(n, { restarts: (this.#notes.get(keyOf(n))?.restarts ?? 0) + 1, restartedAt: nowMonotonicMs, endpoint: null, ended })
  }

  /** Those whose counted restart is still to be done. */
  owed(): Set<Key> {
    return this.#having((n) => n.owed !== null)
  }

  /** Of these the host is as wished: what went wrong on the way is over. */
  agree(keys: Iterable<Key>): void {
    for (const key of keys) {
      const note = this.#notes.get(key)
      if (note?.failure) this.#notes.set(key, { ...note, failure: null })
    }
  }

  held(): Set<Key> {
    return this.#having((n) => n.held !== null)
  }

  ready(): Set<Key> {
    return this.#having((n) => n.endpoint !== null)
  }

  /** Restarted so often that the next one had better wait. */
  worn(nowMonotonicMs: number): Set<Key> {
    return this.#having((n) => n.restarts >= MOST_RESTARTS && nowMonotonicMs - n.restartedAt < WORN_MS)
  }

  /** After a look at the engine: what does not run does not answer, what ran for long is well, what is gone is forgotten. */
  settle(containers: readonly Container[], wished: ReadonlySet<Key>, nowMonotonicMs: number): void {
    const rows = new Map(containers.map((c) => [keyOf(c), c]))
    for (const [key, note] of this.#notes) {
      const state = rows.get(key)?.state
      if (!state && !wished.has(key)) this.#notes.delete(key)
      else if (state === 'exited' && note.endpoint) this.#notes.set(key, { ...note, endpoint: null })
      else if (state === 'running' && note.restarts > 0 && nowMonotonicMs - note.restartedAt > SETTLED_MS)
        this.#notes.set(key, { ...note, restarts: 0, ended: null })
    }
  }

  #having(test: (note: Note) => boolean): Set<Key> {
    return new Set([...this.#notes].filter(([, note]) => test(note)).map(([key]) => key))
  }
}
