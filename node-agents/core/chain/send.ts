import type { Hotkey } from '../hotkey.ts'
import type { Clock } from '../ports.ts'
import type { Connection } from './connection.ts'
import { ChainError } from './errors.ts'
import type { Limits } from './limits.ts'
import { Entered, find, type Sent, signed } from './pool.ts'
import { Pursuit } from './pursuit.ts'
import { Queue } from './queue.ts'
import type { Included, RuntimeCall } from './wire.ts'

type Until = 'inBlock' | 'finalized'
type Submitted = { sent: Sent; watch: Entered | null }

/** Signatures of one wish. A second one only where it is certain that the first can do nothing any more. */
const TRIES = 5
/**
 * Refusals that a new signature may cure: with the next nonce, for the runtime of now. Banned bytes were found invalid; signed anew, with the
 * same nonce while nobody else used it, the pool says why, and never do both get in.
 */
const SIGN_ANEW = new Set(['Stale', 'Future', 'BadProof', 'AncientBirthBlock', 'PriorityTooLow', 'TemporarilyBanned'])

/** Brings calls into blocks, and says what became of them: never that something was done, or was not, without knowing. */
export class Sender {
  readonly #connection: Connection
  readonly #limits: Limits
  readonly #clock: Clock
  /** Nonces of one key are given out one after the other. */
  readonly #queue = new Queue()

  constructor(connection: Connection, limits: Limits, clock: Clock) {
    this.#connection = connection
    this.#limits = limits
    this.#clock = clock
  }

  /**
   * Resolves once it is in a block and did what it should. Rejects with the pool's or the block's refusal, or with `Unknown` when the chain
   * was away for too long to tell.
   */
  async send(by: Hotkey, call: RuntimeCall, until: Until): Promise<Included> {
    const deadline = this.#clock.monotonicMs() + this.#limits.submitMs
    let leastNonce = 0
    let before: Sent | null = null
    for (let left = TRIES; ; left--) {
      try {
        const { sent, watch } = await this.#queue.run(by.address, () => this.#submit(by, call, until, leastNonce, before))
        leastNonce = 0
        before = sent
        return await new Pursuit(this.#connection, this.#clock, sent, until, deadline).run(watch)
      } catch (error) {
        const taken = error instanceof NonceTaken
        if (taken) leastNonce = error.nonce + 1
        const refusal: unknown = taken ? error.refusal : error
        if (left === 1 || !(refusal instanceof ChainError) || !SIGN_ANEW.has(refusal.code)) throw refusal
      }
    }
  }

  /** Signs and gives it to the pool. `watch` null: the pool has it already, or went out of reach before it could say so. */
  async #submit(by: Hotkey, call: RuntimeCall, until: Until, leastNonce: number, before: Sent | null): Promise<Submitted> {
    const reader = await this.#connection.reader()
    const sent = await signed(reader, by, call, leastNonce)
    // The nonce is the next one also when a block has taken the first signature since the pool refused it.
    if (before && (await find(reader, before, new Set()))) return { sent: before, watch: null }
    try {
      return { sent, watch: await Entered.submit(reader, sent.hex, until) }
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
      if (error.kind === 'connection' || error.code === 'AlreadyImported') return { sent, watch: null }
      throw error.code === 'PriorityTooLow' ? new NonceTaken(sent.nonce, error) : error
    }
  }
}

/** The pool holds this nonce for another transaction of the key, though it offered it to us. */
class NonceTaken extends Error {
  readonly nonce: number
  readonly refusal: ChainError
  constructor(nonce: number, refusal: ChainError) {
    super(refusal.message)
    this.nonce = nonce
    this.refusal = refusal
  }
}
