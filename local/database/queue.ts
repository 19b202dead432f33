import { isLocked, RefusedSql } from './errors.ts'

/** How often a waiting statement looks whether another process let go of the lock. */
const POLL_MS = 25
/** How long one statement waits before its client is told that the database is busy. */
const PATIENCE_MS = 30_000

type Place = { wake: () => void }

/** The line for SQLite's one write lock: first come, first served, so that no writer starves under load. */
export class WriteQueue {
  readonly #line: Place[] = []
  readonly #evict: () => void
  readonly #onWait: () => void
  #closed = false

  /**
   * @param evict called while someone waits, to end the transactions that hold others up
   * @param onWait called once for each statement that has to wait
   */
  constructor(evict: () => void, onWait: () => void) {
    this.#evict = evict
    this.#onWait = onWait
  }

  /** Runs `attempt` at once, or again in its turn for as long as it finds the database locked. */
  async run<T>(attempt: () => T): Promise<T> {
    try {
      return attempt()
    } catch (error) {
      if (!isLocked(error)) throw error
    }
    this.#onWait()
    const place: Place = { wake: () => {} }
    this.#line.push(place)
    try {
      return await this.#inTurn(attempt, place)
    } finally {
      this.#line.splice(this.#line.indexOf(place), 1)
      this.released()
    }
  }

  /** Says that the lock may be free: the first in line tries at once. */
  released(): void {
    this.#line[0]?.wake()
  }

  /** Everybody in line is sent away. */
  close(): void {
    this.#closed = true
    for (const place of this.#line) place.wake()
  }

  async #inTurn<T>(attempt: () => T, place: Place): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS
    for (;;) {
      await woken(place)
      if (this.#closed) throw new RefusedSql('the database is shutting down', 'SQLITE_BUSY')
      if (this.#line[0] !== place) continue
      this.#evict()
      try {
        return attempt()
      } catch (error) {
        if (!isLocked(error) || Date.now() > deadline) throw error
      }
    }
  }
}

function woken(place: Place): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, POLL_MS)
    place.wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}
