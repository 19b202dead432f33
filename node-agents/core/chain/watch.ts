import { reason } from '../mistake.ts'
import type { Clock } from '../ports.ts'
import type { HeaderJson } from './codec.ts'
import { ChainError } from './errors.ts'
import type { Limits } from './limits.ts'
import type { Header, Reader } from './link.ts'
import type { Block } from './types.ts'

/** Heads that wait for their check while a node catches up; older ones are dropped, the newest never. */
const MOST_WAITING = 256

type WatchLimits = Limits & { stallMs: number }
export type Heard = {
  /** @param timeMs what the block says; null: the genesis block has none */ head(block: Header, timeMs: number | null): void
  finalized(block: Block): void
}

/** An endpoint that told something which cannot be. */
function lies(endpoint: string, what: string): ChainError {
  return new ChainError('EndpointLies', 'connection', `${endpoint}: ${what}. It was left for another endpoint; give more, or others, if this stays`, true)
}

/**
 * Why a time of a block cannot be of now, or null.
 * @param timeMs of the block; 0 is the genesis block, which has none
 */
export function judgeTime(timeMs: number, wallMs: number, limits: Pick<Limits, 'behindMs' | 'aheadMs'>): string | null {
  const ageS = Math.round((wallMs - timeMs) / 1000)
  const clock = 'unless the clock of this machine is wrong (look at its NTP)'
  if (timeMs > 0 && ageS * 1000 > limits.behindMs) return `its best block is ${ageS} s old: it has fallen behind, ${clock}`
  if (-ageS * 1000 > limits.aheadMs) return `its best block is ${-ageS} s in the future, ${clock}`
  return null
}

/** Hears the heads of one endpoint and leaves it (closes the connection with the reason) when it is silent, stands still, or cannot be telling the truth. */
export class Watch {
  readonly #reader: Reader
  readonly #limits: WatchLimits
  readonly #clock: Clock
  readonly #heard: Heard
  #waiting: Header[] = []
  #working = false
  #head: Header | null = null
  #finalized: Block | null = null
  #finality: Promise<void> = Promise.resolve()
  #stall: NodeJS.Timeout | undefined
  #pulse: NodeJS.Timeout | undefined

  constructor(reader: Reader, limits: WatchLimits, clock: Clock, heard: Heard) {
    this.#reader = reader
    this.#limits = limits
    this.#clock = clock
    this.#heard = heard
  }

  /** Resolves once a first head has been believed; rejects with why it was not. */
  async start(): Promise<void> {
    const { rpc } = this.#reader
    void this.#rest()
    this.#alive()
    this.#beat()
    const first = this.#reader.header((await rpc.call('chain_getHeader')) as HeaderJson)
    this.#believe(first, await this.#check(first))
    await rpc.subscribe('chain_subscribeNewHeads', [], 'chain_unsubscribeNewHeads', (json) => this.#newHead(json as HeaderJson))
    await rpc.subscribe('chain_subscribeFinalizedHeads', [], 'chain_unsubscribeFinalizedHeads', (json) => this.#newFinalized(json as HeaderJson))
  }

  async #rest(): Promise<void> {
    await this.#reader.rpc.closed
    clearTimeout(this.#stall)
    clearTimeout(this.#pulse)
  }

  #leave(why: unknown): void {
    this.#reader.rpc.close(why instanceof ChainError ? why : lies(this.#reader.endpoint, `its blocks cannot be read (${reason(why)})`))
  }

  /** A new head is the sign of life that counts. */
  #alive(): void {
    clearTimeout(this.#stall)
    const text = `${this.#reader.endpoint}: no new block for ${this.#limits.stallMs / 1000} s. Another endpoint is tried by itself`
    this.#stall = setTimeout(() => this.#leave(new ChainError('Stalled', 'connection', text, true)), this.#limits.stallMs)
  }

  #beat(): void {
    this.#pulse = setTimeout(() => {
      this.#reader.rpc.call('system_health', [], this.#limits.pulseLateMs).then(
        () => this.#beat(),
        // Refusing to tell is an answer.
        (error: unknown) => (error instanceof ChainError && error.kind === 'request' ? this.#beat() : this.#leave(error)),
      )
    }, this.#limits.pulseMs)
  }

  #newHead(json: HeaderJson): void {
    const head = this.#reader.header(json)
    if (head.hash === (this.#waiting.at(-1) ?? this.#head)?.hash) return
    this.#alive()
    this.#waiting.push(head)
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift()
    if (!this.#working) void this.#work()
  }

  async #work(): Promise<void> {
    this.#working = true
    try {
      for (let head = this.#waiting.shift(); head; head = this.#waiting.shift()) {
        this.#believe(head, await this.#check(head))
      }
    } catch (error) {
      this.#leave(error)
    }
    this.#working = false
  }

  #believe(head: Header, timeMs: number | null): void {
    this.#head = head
    this.#heard.head(head, timeMs)
  }

  /** Is it really that block, on top of a block that is there, and of now? @returns its time */
  async #check(head: Header): Promise<number | null> {
    const { endpoint } = this.#reader
    if (head.number === 0) return null
    if (head.parent !== this.#head?.hash) await this.#checkParent(head)
    const [number, now] = await this.#reader.readMany(
      [
        ['System.Number', []],
        ['Timestamp.Now', []],
      ],
      head.hash,
    )
    if (number !== head.number) throw lies(endpoint, `it announced block ${head.number}, whose state says block ${String(number)}`)
    const wrong = judgeTime(Number(now), this.#clock.wallMs(), this.#limits)
    if (wrong) throw lies(endpoint, wrong)
    return Number(now)
  }

  /** Blocks may be left out, or replaced by another branch; but each has a parent one below. */
  async #checkParent(head: Header): Promise<void> {
    try {
      const parent = await this.#reader.blockOf(head.parent)
      if (parent.number === head.number - 1) return
    } catch (error) {
      if (!(error instanceof ChainError) || error.code !== 'NoSuchBlock') throw error
    }
    throw lies(this.#reader.endpoint, `it announced block ${head.number} on top of a block that is not there`)
  }

  #newFinalized(json: HeaderJson): void {
    const block = this.#reader.header(json)
    this.#finality = this.#finality.then(() => this.#believeFinalized(block)).catch((error: unknown) => this.#leave(error))
  }

  async #believeFinalized(block: Block): Promise<void> {
    await this.#checkFinalized(block)
    this.#finalized = block
    this.#heard.finalized({ number: block.number, hash: block.hash })
  }

  async #checkFinalized(block: Block): Promise<void> {
    const { endpoint, rpc } = this.#reader
    const before = this.#finalized
    if (before && block.number < before.number) throw lies(endpoint, `it finalized block ${block.number} after block ${before.number}`)
    if (before && block.number === before.number && block.hash !== before.hash) throw lies(endpoint, `it finalized two blocks ${block.number}`)
    if (block.number <= (this.#head?.number ?? 0)) return
    // Its head may be on the way to us.
    const best = (await rpc.call('chain_getHeader')) as HeaderJson
    if (block.number > Number(best.number)) throw lies(endpoint, `it finalized block ${block.number}, above its best block ${Number(best.number)}`)
  }
}
