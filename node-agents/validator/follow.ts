import type { Block, Hyperparameters, Metagraph } from '../core/chain/types.ts'
import { isAbort } from '../core/life.ts'
import type { Log } from '../core/log.ts'
import { reason } from '../core/mistake.ts'
import type { Chain, Clock } from '../core/ports.ts'
import { Trigger } from '../core/trigger.ts'
import { type Standing, standingOf, standingText } from './standing.ts'

export type FollowDeps = { chain: Chain; netuid: number; hotkey: string; clock: Clock; log: Log }

/** One look at the subnet, everything of one block; null: there is no such subnet. */
export type View = { metagraph: Metagraph | null; limits: Hyperparameters | null; standing: Standing }

const NO_LIMITS = { stakeThreshold: 0n, maxValidators: 0 }

/** Keeps the subnet as of the newest block in memory, and says how this hotkey stands there whenever that changes. */
export class Follow {
  readonly #d: FollowDeps
  /** Null: nothing was read yet. A chain that does not answer leaves the last look here. */
  view: View | null = null
  #hash: string | null = null
  #told: Standing | null = null
  /** Why the newest block could not be read; null: it was. */
  trouble: string | null = null

  readonly #listeners = new Set<() => void>()

  constructor(deps: FollowDeps) {
    this.#d = deps
  }

  /** Called after each block that could be read. @returns how to stop listening */
  onView(heard: () => void): () => void {
    this.#listeners.add(heard)
    return () => void this.#listeners.delete(heard)
  }

  /** The block of the last look; null: none yet, or there is no such subnet. */
  get block(): Block | null {
    return this.view?.metagraph?.block ?? null
  }

  async run(signal: AbortSignal): Promise<void> {
    const { chain, clock } = this.#d
    const trigger = new Trigger(clock)
    const unlisten = chain.onHead(() => trigger.kick())
    trigger.kick() // the head may have come before
    try {
      for (;;) {
        await trigger.next(signal)
        await this.#look()
      }
    } finally {
      unlisten()
    }
  }

  /** The next block is the next try: what cannot be read now is only told. */
  async #look(): Promise<void> {
    const head = this.#d.chain.status().head
    if (!head || head.hash === this.#hash) return
    try {
      this.view = await this.#read(head.hash)
      this.#hash = head.hash
      this.trouble = null
      this.#tell(this.view.standing)
      for (const heard of this.#listeners) heard()
    } catch (error) {
      if (isAbort(error)) throw error
      if (this.trouble === null) this.#d.log.warn({ err: error, block: head.number }, 'the subnet cannot be read; the next block is the next try')
      this.trouble = reason(error)
    }
  }

  async #read(at: string): Promise<View> {
    const { chain, netuid, hotkey } = this.#d
    const metagraph = await chain.metagraph(netuid, at)
    const limits = metagraph && (await chain.hyperparameters(netuid, at))
    return { metagraph, limits, standing: standingOf(metagraph, hotkey, limits ?? NO_LIMITS) }
  }

  #tell(standing: Standing): void {
    const { hotkey, netuid, log } = this.#d
    const before = this.#told
    this.#told = standing
    if (before?.is === standing.is && !('uid' in standing && 'uid' in before && standing.uid !== before.uid)) return // stake alone changes all the time
    log[standing.is === 'validator' ? 'info' : 'warn']({ standing: standing.is }, standingText(standing, hotkey, netuid))
  }
}
