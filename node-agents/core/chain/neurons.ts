import { nonsense } from './plain.ts'
import type { Axon, Neuron } from './types.ts'

/** A subnet's neurons as the chain keeps them: lists by uid. */
export type Columns = {
  hotkeys: string[]
  coldkeys: string[]
  axons: Axon[]
  active: boolean[]
  validatorPermit: boolean[]
  lastUpdate: number[]
  registeredAt: number[]
  emission: bigint[]
  incentive: number[]
  dividends: number[]
  consensus: number[]
  totalStake: bigint[]
  alphaStake: bigint[]
  taoStake: bigint[]
}

/** Rows out of lists of one length. @throws ChainError where one list is longer or shorter: what is of whom would be a guess */
export function toNeurons(columns: Columns): Neuron[] {
  const n = columns.hotkeys.length
  for (const [name, { length }] of Object.entries(columns)) if (length !== n) throw nonsense(name, `has ${length} entries for ${n} hotkeys`)
  const at = <T>(column: T[], uid: number): T => column[uid] as T
  return columns.hotkeys.map((hotkey, uid) => ({
    uid,
    hotkey,
    coldkey: at(columns.coldkeys, uid),
    axon: at(columns.axons, uid),
    active: at(columns.active, uid),
    validatorPermit: at(columns.validatorPermit, uid),
    lastUpdate: at(columns.lastUpdate, uid),
    registeredAt: at(columns.registeredAt, uid),
    emission: at(columns.emission, uid),
    incentive: at(columns.incentive, uid),
    dividends: at(columns.dividends, uid),
    consensus: at(columns.consensus, uid),
    totalStake: at(columns.totalStake, uid),
    alphaStake: at(columns.alphaStake, uid),
    taoStake: at(columns.taoStake, uid),
  }))
}
