import type { Clock } from '../ports.ts'
import type { Connection } from './connection.ts'
import { ChainError, dispatched } from './errors.ts'
import type { Reader } from './link.ts'
import { Entered, extrinsicsOf, find, isFinal, type Sent } from './pool.ts'
import { bytes, orNull } from './plain.ts'
import type { Included, Plain } from './wire.ts'

/** How often a pool may let go of the same bytes. */
const MOST_DROPS = 4
/**
 * The pool has it, or another of the same nonce: one of the two will come into a block. Or this pool has no room for it, or trouble of its
 * own, which tells nothing of the pools that may have it.
 */
const WAITS = new Set(['AlreadyImported', 'PriorityTooLow', 'ImmediatelyDropped', 'ExhaustsResources', 'ClientError', 'VerificationError', 'InvalidBlockId'])
/** Nothing would be found by looking again. */
const UNKNOWN = 'Unknown'
/** Between looks at the chain for something that no subscription tells. */
const LOOK_MS = 1000

/**
 * Follows one transaction to its end, over reconnections: what no pool tells is looked up in the blocks. Nothing is said to have failed
 * while the same bytes could still come into a block, and nothing to be done before its events say so.
 */
export class Pursuit {
  readonly #connection: Connection
  readonly #clock: Clock
  readonly #sent: Sent
  readonly #until: 'inBlock' | 'finalized'
  readonly #deadline: number
  readonly #seen = new Set<string>()
  #drops = 0

  constructor(connection: Connection, clock: Clock, sent: Sent, until: 'inBlock' | 'finalized', deadline: number) {
    this.#connection = connection
    this.#clock = clock
    this.#sent = sent
    this.#until = until
    this.#deadline = deadline
  }

  /** @param watch null: nobody knows whether the pool took it, or it had it already */
  async run(watch: Entered | null): Promise<Included> {
    for (let entered = watch; ;) {
      try {
        const done = entered ? await this.#watched(entered) : await this.#looked(await this.#connection.reader(this.#left()))
        if (done) return done
        entered = await this.#again(await this.#connection.reader(this.#left()))
      } catch (error) {
        if (!(error instanceof ChainError) || isAnswer(error)) throw error
        entered = null
      }
      if (this.#left() <= 0) throw this.#unknown()
      if (!entered) await this.#clock.sleep(Math.min(LOOK_MS, this.#left()))
    }
  }

  #left(): number {
    return Math.max(0, this.#deadline - this.#clock.monotonicMs())
  }

  /** Null: the pool let go of it, or is out of reach. */
  async #watched(entered: Entered): Promise<Included | null> {
    const fate = await entered.fate(this.#left())
    if (typeof fate === 'object' && 'in' in fate) return this.#outcome(entered.reader, fate.in, fate.finalized)
    if (typeof fate === 'object' && ++this.#drops > MOST_DROPS) {
      const { call, death } = this.#sent
      const text = `The pool took ${call} and let go of it (${fate.out}) ${this.#drops} times: the chain is busy. Others may bring it into a block until block ${death}: read back what it should have changed before doing it again`
      throw new ChainError('Dropped', 'pool', text, false)
    }
    return this.#looked(await this.#connection.reader(this.#left()))
  }

  /** Null: in no block, or in one that may still be replaced where that is not enough. */
  async #looked(reader: Reader): Promise<Included | null> {
    const block = await find(reader, this.#sent, this.#seen)
    if (!block) return null
    const final = await isFinal(reader, block)
    return final || this.#until === 'inBlock' || this.#left() <= LOOK_MS ? this.#outcome(reader, block, final) : null
  }

  /** The same bytes once more: they cannot count twice. Null: they are in the pool, or in a block by now. */
  async #again(reader: Reader): Promise<Entered | null> {
    try {
      return await Entered.submit(reader, this.#sent.hex, this.#until)
    } catch (error) {
      if (!(error instanceof ChainError) || error.kind !== 'pool') throw error
      // Refused, because a block has taken it meanwhile?
      if (WAITS.has(error.code) || (await find(reader, this.#sent, this.#seen))) return null
      throw error
    }
  }

  async #outcome(reader: Reader, block: string, finalized: boolean): Promise<Included> {
    const { call, hash } = this.#sent
    const { own, codec } = await this.#events(reader, block)
    const failure = own.find(({ name }) => name === 'System.ExtrinsicFailed')
    if (failure) {
      const { name, docs } = codec.dispatchError(errorIn(failure.data))
      throw dispatched(call, name, docs)
    }
    if (!own.some(({ name }) => name === 'System.ExtrinsicSuccess')) throw this.#unknown()
    const { number } = await reader.blockOf(block)
    return { extrinsic: hash, block: { number, hash: block }, finalized, events: own.map(({ name }) => name) }
  }

  /** What the block says about it. A block that cannot be read leaves it open what it did. */
  async #events(reader: Reader, block: string) {
    try {
      const index = (await extrinsicsOf(reader, block)).indexOf(this.#sent.hex)
      const codec = await reader.stateCodec(block)
      const stored = await reader.rpc.ask('state_getStorage', [codec.storageKey('System.Events', []), block], orNull(bytes))
      return { codec, own: codec.events(stored).filter(({ extrinsic }) => extrinsic === index) }
    } catch (error) {
      throw error instanceof ChainError && error.kind === 'connection' ? error : this.#unknown(error)
    }
  }

  #unknown(cause?: unknown): ChainError {
    const { call, hash, death } = this.#sent
    const text = `Nobody could tell whether ${call} (${hash}) was done: the chain was away, or its block cannot be read. It may still come into a block until block ${death}. Read back what it should have changed before doing it again`
    return new ChainError(UNKNOWN, 'request', text, false, cause)
  }
}

/** Whether it says what became of the transaction. That an endpoint cannot be reached, or cannot tell of a block, says nothing. */
function isAnswer({ kind, code }: ChainError): boolean {
  return kind === 'pool' || kind === 'dispatch' || code === UNKNOWN
}

/** Of the event System.ExtrinsicFailed. */
function errorIn(data: Plain): Plain {
  return typeof data === 'object' && data !== null && !Array.isArray(data) ? (data['dispatchError'] ?? null) : null
}
