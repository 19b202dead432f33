import type { Hyperparameters } from '../../core/chain/types.ts'

/** One score that becomes a weight. */
export type Share = { uid: number; hotkey: string; score: number }

/** What `weigh` goes by. `burn.uid`: that of the owner's hotkey; null: it is not on the subnet. */
export type WeighInput = {
  shares: Share[]
  /** Uids on the subnet. */ n: number
  ownUid: number
  /** Of the whole, 0 to 1, to the owner's hotkey, which the chain burns. */
  burn: { share: number; uid: number | null; hotkey: string | null }
  limits: Pick<Hyperparameters, 'minAllowedWeights' | 'maxWeightsLimit' | 'weightsVersionKey'>
}

/** What is to be set: u16 values, the largest 65535, no zeros; whom the uids are stands beside. */
export type Weights = { uids: number[]; hotkeys: string[]; values: number[]; versionKey: bigint; notes: string[] }

/** Where one uid stands after a read-back: shares of the sum, 0 to 1. */
export type Compared = { uid: number; hotkey: string; wanted: number; found: number }
export type ReadBack = { block: number; same: boolean; rows: Compared[] }
