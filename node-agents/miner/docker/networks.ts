import type { Owner } from '../../core/ports.ts'
import type { Engine, Row } from './client.ts'
import { ofOwner } from './labels.ts'
import { makeNetwork, newName, poolOf } from './network.ts'

export type NetworkSettings = {
  /** Names of networks and of their bridges begin so. At most 7 characters. */
  prefix: string
  /** Addresses to take networks from, such as "198.18.0.0/15". */
  pool: string
  /** How many to make ahead: making one takes longer than a start may. */
  spares: number
}

/** A network for one container. */
export type Lease = {
  name: string
  /** `used`: a container stands on it. `free`: none does. `failed`: none should. */
  settle(outcome: 'used' | 'free' | 'failed'): void
}

const TIDY_MS = 60_000
/** A start is not slowed by making the spare of the next one: spares are made when nothing starts. */
const REFILL_MS = 2000

/**
 * One bridge per container. Which container has which network stands with the container; a network of ours that no container names
 * is a spare or a leftover. Only a rental without a spare waits for a network; nobody waits for one to be removed.
 */
export class Networks {
  readonly #engine: Engine
  readonly #s: NetworkSettings
  readonly #spares = new Map<string, Set<string>>()
  readonly #leased = new Set<string>()
  /** How often each was leased: a look from before somebody took it says nothing. */
  readonly #taken = new Map<string, number>()
  readonly #work = new Set<Promise<unknown>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #tidiedAt = -Infinity
  #closed = false

  constructor(engine: Engine, settings: NetworkSettings) {
    this.#engine = engine
    this.#s = settings
  }

  /** @throws DriverError */
  async take(owner: Owner): Promise<Lease> {
    const names = this.#sparesOf(owner)
    const [spare] = names
    const name = spare ?? newName(this.#s.prefix)
    names.delete(name)
    this.#leased.add(name)
    this.#taken.set(name, (this.#taken.get(name) ?? 0) + 1)
    try {
      if (spare === undefined) await this.make(owner, name)
    } catch (error) {
      this.#leased.delete(name)
      throw error
    }
    const settle: Lease['settle'] = (outcome) => {
      this.#leased.delete(name)
      if (outcome === 'free') this.release(owner, name)
      if (outcome === 'failed') this.#behind(this.#engine.removeNetwork(name))
      this.#refillSoon(owner)
    }
    return { name, settle }
  }

  /** Makes it, or finds it there. @throws DriverError */
  make(owner: Owner, name: string): Promise<void> {
    return makeNetwork(this.#engine, poolOf(this.#s.pool), owner, name)
  }

  isOurs = (name: string | undefined): name is string => name !== undefined && name.startsWith(this.#s.prefix)

  /** Its container is gone: the next one gets it, or it goes too, behind the caller's back. */
  release(owner: Owner, name: string): void {
    this.#behind(this.#recycle(owner, name))
  }

  /**
   * Two removals of one container release its network twice, and by the second somebody else may stand on it. So nobody may have
   * leased it since before the engine was asked who stands there.
   */
  async #recycle(owner: Owner, name: string): Promise<void> {
    if (this.#leased.has(name)) return
    const taken = this.#taken.get(name)
    const users = await this.#engine.list({ network: [name] })
    if (users.length === 0 && this.#taken.get(name) === taken) await this.#keep(owner, name)
  }

  async #keep(owner: Owner, name: string): Promise<void> {
    const names = this.#sparesOf(owner)
    if (names.has(name)) return
    // Twice as many as are made ahead: a spare made while one was rented out does not cost a removal when that comes back.
    if (!this.#closed && names.size < 2 * this.#s.spares) names.add(name)
    else await this.#engine.removeNetwork(name)
  }

  /** Now and then: what was left behind goes. @param rows all containers of the engine, as they were a moment ago */
  tidy(owner: Owner, rows: readonly Row[]): void {
    if (performance.now() - this.#tidiedAt < TIDY_MS) return
    this.#tidiedAt = performance.now()
    this.#behind(this.#collect(owner, new Set(rows.map((row) => row.HostConfig?.NetworkMode))))
  }

  /** Nothing is kept ready any more. Resolves when all is done that was under way. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    const spares = [...this.#spares.values()].flatMap((names) => [...names])
    this.#spares.clear()
    for (const name of spares) this.#behind(this.#engine.removeNetwork(name))
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  async #collect(owner: Owner, used: ReadonlySet<string | undefined>): Promise<void> {
    for (const name of await this.#engine.networks(ofOwner(owner))) {
      const known = used.has(name) || this.#leased.has(name) || this.#sparesOf(owner).has(name)
      if (!known && this.isOurs(name)) await this.#recycle(owner, name) // a container may stand there since those rows
    }
  }

  #refillSoon(owner: Owner): void {
    if (this.#closed || this.#s.spares === 0) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#leased.size > 0) this.#refillSoon(owner)
      else this.#behind(this.#refill(owner))
    }, REFILL_MS)
    timer.unref()
    this.#timers.add(timer)
  }

  async #refill(owner: Owner): Promise<void> {
    const names = this.#sparesOf(owner)
    for (let missing = this.#s.spares - names.size; missing > 0; missing--) {
      const name = newName(this.#s.prefix)
      this.#leased.add(name)
      await this.make(owner, name).finally(() => this.#leased.delete(name))
      await this.#keep(owner, name)
    }
  }

  #sparesOf(owner: Owner): Set<string> {
    const key = ofOwner(owner).join('\n')
    const known = this.#spares.get(key) ?? new Set<string>()
    this.#spares.set(key, known)
    return known
  }

  /** Whoever caused it is served already; what fails here is found again by the next look. */
  #behind(work: Promise<unknown>): void {
    const done = work.catch(() => undefined).finally(() => this.#work.delete(done))
    this.#work.add(done)
  }
}
