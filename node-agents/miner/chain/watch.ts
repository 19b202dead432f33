import { Backoff } from '../../core/backoff.ts'
import { rest } from '../../core/clock.ts'
import { ChainError } from '../../core/chain/errors.ts'
import type { Block } from '../../core/chain/types.ts'
import type { Hotkey } from '../../core/hotkey.ts'
import type { Log } from '../../core/log.ts'
import type { Chain, Clock } from '../../core/ports.ts'
import { Trigger } from '../../core/trigger.ts'
import { ipOf, type Lookup, type Place, wantedOf } from './address.ts'
import { type Announcement, type Decision, type Kind, KINDS, serveAndRead, serveDecision, type Tried } from '../../core/chain/announce.ts'
import { type Reading, readOwn } from './reading.ts'
import { notRegistered, type Subnet } from './registration.ts'
import { Troubles } from './troubles.ts'

/** Blocks between two looks (five minutes): nothing a miner does on chain is urgent. */
export const LOOK_EVERY = 25

/** What of the chain a miner needs. */
export type MinersChain = Parameters<typeof readOwn>[0] & Pick<Chain, 'run' | 'status' | 'onHead' | 'serveAxon' | 'servePrometheus'>

export type ChainDeps = {
  /** Loads the SDK, so that agents without a chain carry none. */
  connect: () => Promise<MinersChain>
  by: Hotkey
  subnet: Subnet
  place: Place
  clock: Clock
  log: Log
  lookup?: Lookup
}

/** Announces this host on chain, and keeps what the chain says about it. No rental waits for it, and whatever fails here ends none. */
export class ChainWatch {
  readonly #d: ChainDeps
  readonly #looks: Trigger
  readonly troubles: Troubles
  chain: MinersChain | null = null
  reading: Reading | null = null
  wanted: Record<Kind, Announcement> | null = null
  readonly decided: Record<Kind, Decision | null> = { axon: null, prometheus: null }
  readonly #tried: Record<Kind, Tried | null> = { axon: null, prometheus: null }
  /** Block of the next look. */
  #due = 0
  /** Looks that failed since the last that did. */
  #failures = 0
  /** Since when the connection of the last look stands. */
  #since: number | null = null

  constructor(deps: ChainDeps) {
    this.#d = deps
    this.#looks = new Trigger(deps.clock)
    this.troubles = new Troubles(deps.log)
  }

  get subnet(): Subnet {
    return this.#d.subnet
  }

  /** Loop. The port keeps itself connected; what it could not foresee begins it anew. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(5000, 300_000)
    while (!signal.aborted) {
      try {
        await this.#follow(await this.#d.connect(), signal)
      } catch (error) {
        if (!signal.aborted) this.troubles.met(CONNECT, error)
      }
      await rest(this.#d.clock, backoff.next(), signal)
    }
  }

  async #follow(chain: MinersChain, signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const until = AbortSignal.any([signal, stop.signal])
    this.chain = chain
    this.#since = null
    const deaf = chain.onHead((block) => this.#heard(chain, block))
    const connection = chain.run(until)
    try {
      await Promise.race([connection, this.#looksAt(chain, until)])
      if (!signal.aborted) throw new Error('the connection ended by itself')
    } finally {
      stop.abort()
      deaf()
      await Promise.allSettled([connection])
    }
  }

  /** A new connection may be to an endpoint that knows better, or to a chain that began anew. */
  #heard(chain: MinersChain, block: Block): void {
    if (block.number >= this.#due || chain.status().connectedSinceMs !== this.#since) this.#looks.kick()
  }

  /** No reorganisation is so deep: a development chain without its state. */
  #beganAnew({ number }: Block): boolean {
    return this.reading !== null && number < this.reading.at.number - LOOK_EVERY
  }

  async #looksAt(chain: MinersChain, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#looks.next(signal)
      await this.#look(chain, signal)
    }
  }

  async #look(chain: MinersChain, signal: AbortSignal): Promise<void> {
    const { head, connectedSinceMs } = chain.status()
    if (!head) return
    this.#since = connectedSinceMs
    this.#due = head.number + LOOK_EVERY
    try {
      const reading = await readOwn(chain, this.#d.subnet.netuid, this.#d.by.address, head)
      if (signal.aborted) return
      this.#learn(reading)
      this.troubles.over(CONNECT)
      this.troubles.over(READ)
      this.#failures = 0
    } catch (error) {
      if (signal.aborted) return
      this.#due = head.number + Math.min(2 ** this.#failures++, LOOK_EVERY)
      return this.troubles.met(READ, error)
    }
    if (this.reading?.uid !== null) await this.#announce(chain, signal)
  }

  /** Says what changed about who we are there; the rest is for those who ask. */
  #learn(next: Reading): void {
    const { by, subnet, log } = this.#d
    const [before, first] = [this.reading?.uid ?? null, this.reading === null]
    const anew = this.#beganAnew(next.at)
    this.reading = next
    if (!first && !anew && next.uid === before) return
    for (const kind of KINDS) this.#forget(kind)
    if (next.uid === null) log.warn(`${notRegistered(by.address, subnet, next.subnet, before)}. Rentals that run go on`)
    else log.info({ uid: next.uid, netuid: subnet.netuid }, 'registered on the subnet')
  }

  #forget(kind: Kind): void {
    this.#tried[kind] = null
    this.decided[kind] = null
    this.troubles.over(cannot(kind))
  }

  async #announce(chain: MinersChain, signal: AbortSignal): Promise<void> {
    try {
      const ip = await ipOf(this.#d.place, this.reading?.axon?.ip ?? null, this.#d.lookup)
      this.wanted = wantedOf(this.#d.place, ip)
      this.troubles.over(FIND)
    } catch (error) {
      return this.troubles.met(FIND, error)
    }
    for (const kind of KINDS) {
      await this.#consider(chain, kind, this.wanted[kind], signal)
      if (signal.aborted) return
    }
  }

  async #consider(chain: MinersChain, kind: Kind, wanted: Announcement, signal: AbortSignal): Promise<void> {
    const { reading } = this
    if (!reading) return
    const { axon, prometheus, at, subnet } = reading
    const onChain = { axon, prometheus }[kind]
    const decision = serveDecision({ wanted, onChain, head: at.number, rateLimit: subnet.servingRateLimit, lastTry: this.#tried[kind] })
    this.decided[kind] = decision
    if (decision.do === 'nothing') this.troubles.over(cannot(kind))
    if (decision.do === 'refuse') this.troubles.met(cannot(kind), new ChainError('Refused', 'request', decision.reason, false))
    if (decision.do === 'wait') this.#due = Math.min(this.#due, decision.until)
    if (decision.do === 'serve') await this.#serve(chain, kind, wanted, signal)
  }

  async #serve(chain: MinersChain, kind: Kind, wanted: Announcement, signal: AbortSignal): Promise<void> {
    const { netuid } = this.#d.subnet
    const now = () => chain.status().head?.number ?? this.#due
    try {
      const shown = await serveAndRead(chain, kind, this.#d.by, { netuid, ...wanted })
      this.#tried[kind] = { block: now(), failures: 0 }
      this.troubles.over(cannot(kind))
      if (this.reading) this.reading = { ...this.reading, [kind]: shown }
      this.#d.log.info({ ...wanted, block: shown.block }, `the ${kind} is announced on chain`)
    } catch (error) {
      if (signal.aborted) return
      this.#tried[kind] = { block: now(), failures: (this.#tried[kind]?.failures ?? 0) + 1 }
      this.#due = Math.min(this.#due, now() + 1) // to decide anew when to try again
      this.troubles.met(cannot(kind), error)
    }
  }
}

const CONNECT = 'the chain cannot be followed'
const READ = 'the chain cannot be read'
const FIND = 'nothing can be announced on chain'
const cannot = (kind: Kind) => `the ${kind} cannot be announced on chain`
