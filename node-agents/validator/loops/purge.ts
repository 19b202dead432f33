import type { Metagraph } from '../../core/chain/types.ts'
import { Gate } from '../../core/gate.ts'
import type { Log } from '../../core/log.ts'
import type { Chain, Clock } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Store } from '../store/types.ts'
import { NotYet } from './job.ts'

export type PurgeDeps = { chain: Pick<Chain, 'status' | 'metagraph'>; follow: Follow; store: Pick<Store, 'follow'>; netuid: number; clock: Clock; log: Log }

/** Who sits where, and since when. */
const rosterOf = (m: Metagraph) => m.neurons.map((n) => `${n.uid} ${n.hotkey} ${n.registeredAt}`).join('\n')

/**
 * Forgets who left the subnet. Only a finalized block takes anything from anybody: a fork that lasts a block would cost a miner its proofs.
 */
export class Purge {
  readonly #d: PurgeDeps
  #roster: string | null = null
  /** Opens once the store knows who is on the subnet: before, it keeps nothing of anybody. */
  readonly settled = new Gate()

  constructor(deps: PurgeDeps) {
    this.#d = deps
  }

  /** At every block; costs nothing while nobody comes or goes. */
  async step(): Promise<void> {
    const { chain, follow, store, netuid, clock, log } = this.#d
    const seen = follow.view?.metagraph
    if (!seen || rosterOf(seen) === this.#roster) return
    const { finalized } = chain.status()
    const m = finalized && (await chain.metagraph(netuid, finalized.hash))
    if (!m) throw new NotYet('the subnet is not there at a finalized block')
    const roster = rosterOf(m)
    if (roster === this.#roster) return // what changed is not final yet
    const now = m.neurons.map(({ hotkey, uid, coldkey, registeredAt }) => ({ hotkey, uid, coldkey, registeredAt }))
    const gone = await store.follow(now, clock.wallMs())
    this.#roster = roster
    this.settled.open()
    if (gone.length > 0) log.info({ hotkeys: gone, block: m.block.number }, `${gone.length} left the subnet: what was known of them is forgotten`)
  }
}
