import type { Log } from '../core/log.ts'
import { reason } from '../core/mistake.ts'
import type { State } from './state.ts'
import { type Expected, type HeldWish, verifyWish } from './wish.ts'

/** The wish this agent holds: verified, and on disk before it is acted on. */
export class Hold {
  readonly #state: State
  readonly #hotkey: string
  readonly #log: Log
  wish: HeldWish | null = null
  /** Heard from the edge since this process began. */
  fresh = false
  /** Whether the disk took the last wish. One it did not take may end things, but starts nothing. */
  durable = true

  constructor(state: State, hotkey: string, log: Log) {
    this.#state = state
    this.#hotkey = hotkey
    this.#log = log
  }

  /** At start: what was held before. When it cannot be verified nothing is removed or started until a new one is. */
  async restore(): Promise<void> {
    const jws = await this.#state.readWish()
    if (jws === null || !this.#state.edge()) return
    try {
      this.wish = await verifyWish(jws, this.#expected())
    } catch (error) {
      this.#log.error(
        { err: error },
        'wish.jws in the state directory is damaged: no container is touched until the edge sends a new wish. Nothing to do unless the edge stays away.',
      )
    }
  }

  /**
   * Verifies a wish, writes it to disk, then holds it. Throws `WishRefused`, and then holds what it held.
   * @returns whether it is another one than before
   */
  async take(jws: string): Promise<boolean> {
    const next = await verifyWish(jws, this.#expected())
    const news = !this.fresh || !this.durable || this.wish?.epoch !== next.epoch || this.wish.version !== next.version
    if (news) await this.#keep(jws)
    await this.#state.memory.learn(next.entries).catch((error: unknown) => this.#log.error({ err: error }, 'acts.json cannot be written'))
    this.wish = next
    this.fresh = true
    return news
  }

  async #keep(jws: string): Promise<void> {
    try {
      await this.#state.keepWish(jws)
      this.durable = true
    } catch (error) {
      this.durable = false
      this.#log.error(
        { err: error },
        `the wish cannot be kept on disk (${reason(error)}): nothing new is started until it can. Free some space in the state directory.`,
      )
    }
  }

  #expected(): Expected {
    const edge = this.#state.edge()
    if (!edge) throw new Error('a wish before the edge is known')
    return { edge, hotkey: this.#hotkey, install: this.#state.install, atLeast: this.wish }
  }
}
