import type { Block, Hyperparameters, Neuron } from '../../core/chain/types.ts'
import type { Chain } from '../../core/ports.ts'

/** Weights of the subnet itself; it may have others. */
export const MECHANISM = 0

/** What one step goes by: everything of the best block, beside which stands what is final. */
export type Look = {
  head: Block
  finalized: Block
  /** Who we are there; null: not registered. */
  own: Pick<Neuron, 'uid' | 'validatorPermit' | 'registeredAt'> | null
  /** By uid. */
  hotkeys: string[]
  limits: Hyperparameters
  /** Block of our last weights; 0: none, or not registered. */
  lastUpdate: number
}

/** @returns null: not connected yet, or there is no such subnet @throws ChainError */
export async function look(chain: Chain, netuid: number, hotkey: string): Promise<Look | null> {
  const { head, finalized } = chain.status()
  if (!head || !finalized) return null
  const metagraph = await chain.metagraph(netuid, head.hash)
  if (!metagraph) return null
  const limits = await chain.hyperparameters(netuid, head.hash)
  const own = metagraph.neurons.find((neuron) => neuron.hotkey === hotkey) ?? null
  const lastUpdate = own ? await chain.lastUpdate(netuid, MECHANISM, own.uid, head.hash) : 0
  return { head, finalized, own, hotkeys: metagraph.neurons.map((neuron) => neuron.hotkey), limits, lastUpdate }
}
