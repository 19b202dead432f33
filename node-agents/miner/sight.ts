import type { Container, Driver, Owner } from '../core/ports.ts'
import { type Key, keyOf } from './key.ts'

type Named = Parameters<typeof keyOf>[0]

/** What is on the engine, as far as we know: the last look, and what our own work did since. */
export class Sight {
  #rows: Map<Key, Container> | null = null
  /** Changed by our own work while a look is under way: the look may have missed it. */
  #touched = new Set<Key>()
  /** What was given up half way: the engine may still be at it, so only a later look can say that nothing is there. */
  #doubts = new Set<Key>()
  #absentSince = new Map<Key, number>()
  foreign = 0
  foreignGpus: ReadonlySet<string> = new Set()
  engine: { ok: boolean; message: string } = { ok: false, message: 'the engine was not asked yet' }

  /** null: the engine was never seen. */
  get containers(): Container[] | null {
    return this.#rows && [...this.#rows.values()]
  }

  /** The trace of the rental a container of ours was made for. */
  traceOf(key: Key): string | undefined {
    return this.#rows?.get(key)?.trace
  }

  get(n: Named): Container | undefined {
    return this.#rows?.get(keyOf(n))
  }

  put(c: Container): void {
    this.#touched.add(keyOf(c))
    this.#rows?.set(keyOf(c), c)
  }

  drop(n: Named): void {
    this.#touched.add(keyOf(n))
    this.#rows?.delete(keyOf(n))
  }

  doubt(n: Named): void {
    this.#doubts.add(keyOf(n))
  }

  /** Whether "not there" can be said of it. */
  isSure(key: Key): boolean {
    return this.engine.ok && !this.#doubts.has(key)
  }

  /** Of these, which were missing at every look for so long. One empty list may be a wrong or a waking engine. */
  missingFor(keys: readonly Key[], ms: number, nowMonotonicMs: number): Set<Key> {
    const absent = keys.filter((key) => !this.#rows?.has(key))
    this.#absentSince = new Map(absent.map((key) => [key, this.#absentSince.get(key) ?? nowMonotonicMs]))
    return new Set([...this.#absentSince].filter(([, since]) => nowMonotonicMs - since >= ms).map(([key]) => key))
  }

  /** Whether something that should be there was not at the last look. */
  get misses(): boolean {
    return this.#absentSince.size > 0
  }

  /** Asks the engine. When it does not answer, what was known stays known. Rejects with the driver's error. */
  async look(driver: Driver, owner: Owner, signal: AbortSignal): Promise<void> {
    this.#touched = new Set()
    const settling = new Set(this.#doubts)
    const { containers, foreign, foreignGpus } = await driver.list(owner, signal)
    for (const key of settling) this.#doubts.delete(key)
    const seen = containers.filter((c) => !this.#touched.has(keyOf(c)))
    const own = [...(this.#rows ?? [])].filter(([key]) => this.#touched.has(key)).map(([, c]) => c)
    this.#rows = new Map([...seen, ...own].map((c) => [keyOf(c), c]))
    this.foreign = foreign
    this.foreignGpus = new Set(foreignGpus)
    this.engine = { ok: true, message: '' }
  }
}
