import type { Axon, Block, EpochState, Hyperparameters, Neuron, Served } from '../../core/chain/types.ts'
import type { Chain } from '../../core/ports.ts'

/** What the chain says of one hotkey on one subnet, all at one block. */
export type Reading = {
  at: Block
  subnet: Hyperparameters
  epoch: EpochState
  /** Null: not registered; then the fields below are null too. */
  uid: number | null
  axon: Axon | null
  prometheus: Served | null
  neuron: Neuron | null
}

type Readable = Pick<Chain, 'uidOf' | 'hyperparameters' | 'epoch' | 'axon' | 'prometheus' | 'metagraph'>

/** Rejects with a `ChainError`. */
export async function readOwn(chain: Readable, netuid: number, hotkey: string, at: Block): Promise<Reading> {
  const [uid, subnet, epoch] = await Promise.all([chain.uidOf(netuid, hotkey, at.hash), chain.hyperparameters(netuid, at.hash), chain.epoch(netuid, at.hash)])
  if (uid === null) return { at, subnet, epoch, uid, axon: null, prometheus: null, neuron: null }
  const [axon, prometheus, metagraph] = await Promise.all([
    chain.axon(netuid, hotkey, at.hash),
    chain.prometheus(netuid, hotkey, at.hash),
    chain.metagraph(netuid, at.hash),
  ])
  return { at, subnet, epoch, uid, axon, prometheus, neuron: metagraph?.neurons.find((n) => n.hotkey === hotkey) ?? null }
}
