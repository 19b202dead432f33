import type { Metagraph } from '../../core/chain/types.ts'

/** What the chain says of one validator. Shares are 0 to 1; amounts are rao as text, emission in alpha over the last tempo. */
export type ChainData = {
  block: number
  uid: number
  stake: string
  trust: number
  incentive: number
  dividends: number
  emission: string
  /** Blocks since its weights were set or committed. */
  weights_age_blocks: number
}

const U16 = 65_535

/** Null: it is not on the subnet. `trust` is the consensus of the chain, which keeps no other kind any more. Pure. */
export function chainDataOf(m: Metagraph, hotkey: string): ChainData | null {
  const n = m.neurons.find((neuron) => neuron.hotkey === hotkey)
  if (!n) return null
  return {
    block: m.block.number,
    uid: n.uid,
    stake: String(n.totalStake),
    trust: n.consensus / U16,
    incentive: n.incentive / U16,
    dividends: n.dividends / U16,
    emission: String(n.emission),
    weights_age_blocks: Math.max(0, m.block.number - n.lastUpdate),
  }
}

/** One line for people. */
export function chainDataText({ block, uid, stake, trust, incentive, dividends, emission, weights_age_blocks: age }: ChainData): string {
  const alpha = (rao: string) => (Number(rao) / 1e9).toFixed(3)
  const shares = `trust ${trust.toFixed(4)} | incentive ${incentive.toFixed(4)} | dividends ${dividends.toFixed(4)}`
  return `block ${block} | uid ${uid} | stake ${alpha(stake)} | ${shares} | emission ${alpha(emission)} | weights ${age} blocks old`
}
