import type { Container, Driver, Owner } from '../core/ports.ts'
import { type Key, keyOf } from './key.ts'

type Named = Parameters<typeof keyOf>[0]

/** What is on the engine, as far as we know: the last look, and what our own work did since. */
export class Sight {
  #rows: Map<Key, Container> | null = null
  /** Changed by our own work while a look is under way: the look may have missed it. */
  #touched = new Set<Key>()
  foreign = 0
  engine: { ok: boolean; message: string } = { ok: false, message: 'the engine was not asked yet' }

  /** null: the engine was never seen. */
  get containers(): Container[] | null {
    return this.#rows && [...this.#rows.values()]
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

  /** Asks the engine. When it does not answer, what was known stays known. Rejects with the driver's error. */
  async look(driver: Driver, owner: Owner, signal: AbortSignal): Promise<void> {
    this.#touched = new Set()
    const { containers, foreign } = await driver.list(owner, signal)
    const seen = containers.filter((c) => !this.#touched.has(keyOf(c)))
    const own = [...(this.#rows ?? [])].filter(([key]) => this.#touched.has(key)).map(([, c]) => c)
    this.#rows = new Map([...seen, ...own].map((c) => [keyOf(c), c]))
    this.foreign = foreign
    this.engine = { ok: true, message: '' }
  }
}
