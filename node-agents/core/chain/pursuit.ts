import type { Clock } from '../ports.ts'
import type { Connection } from './connection.ts'
import { ChainError, dispatched } from './errors.ts'
import type { Reader } from './link.ts'
import { Entered, extrinsicsOf, find, isFinal, type Sent } from './pool.ts'
import type { Included, Plain } from './wire.ts'

/** How often a pool may let go of the same bytes. */
const MOST_DROPS = 4
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
  async run(reader: Reader, watch: Entered | null): Promise<Included> {
    for (let entered = watch; ;) {
      try {
        const done = entered ? await this.#watched(reader, entered) : await this.#looked(await this.#connection.reader(this.#left()))
        if (done) return done
        entered = await this.#again(await this.#connection.reader(this.#left()))
      } catch (error) {
        if (!(error instanceof ChainError) || error.kind !== 'connection') throw error
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
  async #watched(reader: Reader, entered: Entered): Promise<Included | null> {
    const fate = await entered.fate(this.#left())
    if (typeof fate === 'object' && 'in' in fate) return this.#outcome(reader, fate.in, fate.finalized)
    if (typeof fate === 'object' && ++this.#drops > MOST_DROPS) {
      const text = `The pool took ${this.#sent.call} and let go of it (${fate.out}) ${this.#drops} times, and it is in no block. The chain is busy: try later`
      throw new ChainError('Dropped', 'pool', text, true)
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
      if (error.code === 'AlreadyImported' || (await find(reader, this.#sent, this.#seen))) return null
      throw error
    }
  }

  async #outcome(reader: Reader, block: string, finalized: boolean): Promise<Included> {
    const { call, hash, hex } = this.#sent
    const index = (await extrinsicsOf(reader, block)).indexOf(hex)
    const codec = await reader.stateCodec(block)
    const stored = (await reader.rpc.call('state_getStorage', [codec.storageKey('System.Events', []), block])) as string | null
    const own = codec.events(stored).filter(({ extrinsic }) => extrinsic === index && index >= 0)
    const failure = own.find(({ name }) => name === 'System.ExtrinsicFailed')
    if (failure) {
      const { name, docs } = codec.dispatchError(failure.fields[0] as Plain)
      throw dispatched(call, name, docs)
    }
    if (!own.some(({ name }) => name === 'System.ExtrinsicSuccess')) throw this.#unknown()
    const { number } = await reader.blockOf(block)
    return { extrinsic: hash, block: { number, hash: block }, finalized, events: own.map(({ name }) => name) }
  }

  #unknown(): ChainError {
    const { call, hash } = this.#sent
    const text = `Nobody could tell whether ${call} (${hash}) was done, because the chain was away. Read back what it should have changed before doing it again`
    return new ChainError('Unknown', 'connection', text, false)
  }
}
