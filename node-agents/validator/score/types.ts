import type { Factors, Gpus, StateMiner } from '../../../schema/index.ts'
import type { Neuron } from '../../core/chain/types.ts'
import type { Liveness, Penalty, Proof } from '../store/types.ts'

/** Why a miner is left out of proofs and weights. */
export const EXCLUSIONS = ['own', 'no_address', 'hotkey_blacklisted', 'coldkey_blacklisted', 'exploiter', 'outdated'] as const
export type Exclusion = (typeof EXCLUSIONS)[number]

/** One neuron after the filter. `shares`: other uids that announce the same address; it decides nothing. */
export type Filtered = { uid: number; hotkey: string; excluded: Exclusion | null; why: string | null; shares: number[] }

/** What `queryable` goes by. Sets are of ss58 addresses. */
export type FilterRules = {
  own: string
  blacklist: { hotkeys: ReadonlySet<string>; coldkeys: ReadonlySet<string>; exploiters: ReadonlySet<string> }
  /** Lowest version announced with the axon. */
  minimumVersion: number
  /** Percent: when no more than this share of those left has the minimum, all are let through. */
  quorum: number
}

/** Another validator's number for this miner: its signature held, it is not too old, and that validator has a permit. */
export type PeerNumber = { validator: string; stake: bigint; score: number; gpus: Gpus; atMs: number }

/** Everything the score of one miner goes by. */
export type MinerView = {
  neuron: Pick<Neuron, 'uid' | 'hotkey' | 'coldkey'>
  filtered: Filtered
  miner: StateMiner | null
  /** Newest first. */
  proofs: Proof[]
  liveness: Liveness
  penalty: Penalty | null
  peers: PeerNumber[]
}

/** What is the same for all miners of one round. */
export type Round = { nowMs: number; block: number; development: boolean }

export type Scored = {
  /** 0 to 100. */ score: number
  gpus: Gpus
  /** Whether own proofs decided. */ own: boolean
  /** 0 to 1. */ reliability: number
  allocated: boolean
  factors: Factors
}
