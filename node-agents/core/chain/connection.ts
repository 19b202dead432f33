import { Backoff } from '../backoff.ts'
import { rest } from '../clock.ts'
import type { Log } from '../log.ts'
import { reason } from '../mistake.ts'
import type { Clock } from '../ports.ts'
import { Codecs } from './codecs.ts'
import { dial } from './dial.ts'
import { ChainError } from './errors.ts'
import { BLOCK_MS, type Limits, slotMs } from './limits.ts'
import type { Reader } from './link.ts'
import { Pace } from './pace.ts'
import { isOpen, lost, shown } from './rpc.ts'
import type { Block, ChainStatus } from './types.ts'

export type ConnectionOptions = {
  endpoints: string[]
  genesis: string | null
  limits: Limits
  /** Null: as the runtime says. */ blockMs: number | null
  clock: Clock
  log: Log
}
/** A final block may lag behind by so many times what a best one may. */
const LAG = 2

type Listener = (block: Block) => void

/** Keeps one connection to one of several endpoints, and goes on to the next when it ends. Never gives up. */
export class Connection {
  readonly #o: ConnectionOptions
  readonly #codecs = new Codecs()
  readonly #pace = new Pace()
  readonly #onHead = new Set<Listener>()
  readonly #onFinalized = new Set<Listener>()
  readonly #wanting = new Set<(reader: Reader) => void>()
  /** Fires when `run` ends: nobody waits for a connection that does not come any more. */
  readonly #over = new AbortController()
  #genesis: string | null
  #reader: Reader | null = null
  #connectedSinceMs: number | null = null
  #head: Block | null = null
  #headAtMs: number | null = null
  #finalized: Block | null = null
  #failovers = 0
  #trouble: string | null = 'not connected yet'

  constructor(o: ConnectionOptions) {
    this.#o = o
    this.#genesis = o.genesis
  }

  status(): ChainStatus {
    return {
      endpoint: this.#reader?.endpoint ?? null,
      connectedSinceMs: this.#connectedSinceMs,
      head: this.#head,
      headAtMs: this.#headAtMs,
      finalized: this.#finalized,
      spec: this.#reader?.spec ?? null,
      genesis: this.#genesis,
      failovers: this.#failovers,
      trouble: this.#trouble,
    }
  }

  onHead(heard: Listener): () => void {
    this.#onHead.add(heard)
    return () => void this.#onHead.delete(heard)
  }

  onFinalized(heard: Listener): () => void {
    this.#onFinalized.add(heard)
    return () => void this.#onFinalized.delete(heard)
  }

  /** The live connection, or the next one. Rejects `NoEndpoint` when there is none in time, with an AbortError when told to stop. */
  async reader(withinMs: number = this.#o.limits.waitMs, signal?: AbortSignal): Promise<Reader> {
    this.#over.signal.throwIfAborted()
    if (this.#reader) return this.#reader
    const stop = AbortSignal.any([this.#over.signal, ...(signal ? [signal] : [])])
    stop.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<Reader>()
    const timer = setTimeout(() => reject(this.#nobody()), Math.min(withinMs, 2 ** 31 - 1))
    const onAbort = () => reject(stop.reason)
    stop.addEventListener('abort', onAbort, { once: true })
    this.#wanting.add(resolve)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      stop.removeEventListener('abort', onAbort)
      this.#wanting.delete(resolve)
    }
  }

  /** From block to block. */
  blockMs(): number {
    return this.#o.blockMs ?? this.#pace.blockMs(this.#reader ? slotMs(this.#reader) : BLOCK_MS)
  }

  /** Connects and stays connected until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#stay(signal)
    } finally {
      this.#over.abort(signal.reason)
    }
  }

  async #stay(signal: AbortSignal): Promise<void> {
    const { endpoints, limits, clock, log } = this.#o
    const backoff = new Backoff(...limits.backoffMs)
    for (const url of endpoints.filter(isOpen))
      log.warn({ endpoint: shown(url) }, 'this endpoint is not encrypted: whoever is on the way can tell this agent anything. Use wss://')
    for (let turn = 0, failed = 0; !signal.aborted; turn++) {
      const url = endpoints[turn % endpoints.length] ?? ''
      const began = clock.monotonicMs()
      const why = await this.#session(url, signal)
      if (signal.aborted) return
      this.#trouble = why.message
      const lasted = clock.monotonicMs() - began >= limits.lastedMs
      if (lasted) backoff.reset()
      failed = lasted ? 0 : failed + 1
      const pause = failed % endpoints.length === 0 ? backoff.next() : 0
      log.warn({ endpoint: shown(url), code: why.code, reason: why.message, retry_ms: Math.round(pause) }, 'chain endpoint left')
      await rest(clock, pause, signal)
    }
  }

  /** One endpoint from dial to end. @returns why it ended */
  async #session(url: string, signal: AbortSignal): Promise<ChainError> {
    const heard = {
      head: (block: Block, timeMs: number | null) => this.#newHead(block, timeMs),
      finalized: (block: Block) => this.#newFinalized(block),
    }
    try {
      const reader = await dial(url, { ...this.#o, genesis: this.#genesis, codecs: this.#codecs }, heard, signal)
      this.#up(reader)
      const why = await reader.rpc.closed
      this.#down()
      return why
    } catch (error) {
      return error instanceof ChainError ? error : lost(url, reason(error), error)
    }
  }

  #up(reader: Reader): void {
    this.#reader = reader
    // Whoever comes next must serve the same chain.
    this.#genesis = reader.genesis
    this.#connectedSinceMs = this.#o.clock.wallMs()
    this.#trouble = null
    this.#o.log.info({ endpoint: reader.endpoint, spec: reader.spec, block: this.#head?.number }, 'chain connected')
    for (const resolve of this.#wanting) resolve(reader)
  }

  #down(): void {
    this.#reader = null
    this.#connectedSinceMs = null
    this.#failovers++
  }

  #newHead({ number, hash }: Block, timeMs: number | null): void {
    if (timeMs !== null) this.#pace.add(number, timeMs)
    this.#head = { number, hash }
    this.#headAtMs = this.#o.clock.wallMs()
    this.#tell(this.#onHead, this.#head)
  }

  /** An endpoint may be a little behind the last one: what was told is not told again. Far behind it, the last one made its blocks up. */
  #newFinalized(block: Block): void {
    const behind = this.#finalized ? this.#finalized.number - block.number : -1
    if (behind >= 0 && behind <= (LAG * this.#o.limits.behindMs) / this.blockMs()) return
    if (behind > 0) this.#o.log.error({ block: block.number, before: this.#finalized?.number }, 'finality has gone back: an endpoint before this one lied')
    this.#finalized = block
    this.#tell(this.#onFinalized, block)
  }

  #tell(listeners: Set<Listener>, block: Block): void {
    for (const heard of listeners) {
      try {
        heard(block)
      } catch (error) {
        this.#o.log.error({ err: error, block: block.number }, 'a listener to blocks failed')
      }
    }
  }

  #nobody(): ChainError {
    return new ChainError('NoEndpoint', 'connection', `No chain endpoint answers (${this.#trouble ?? 'connecting'}). It is tried again by itself`, true)
  }
}
