/** What the chain says, in plain values. Amounts are bigint rao (1 TAO = 1e9 rao); u16 shares are of 65535. */

export type Block = { number: number; /** 0x and 64 hex digits. */ hash: string }

/** An address announced on chain. `ip`: dotted IPv4 or IPv6 text; null: nothing is served (0.0.0.0). */
export type Served = { ip: string | null; port: number; version: number; /** When it was announced. */ block: number }
/** Bittensor's `protocol` byte; 4 by default. */
export type Axon = Served & { protocol: number }

export type Neuron = {
  uid: number
  /** ss58, format 42. */
  hotkey: string
  coldkey: string
  axon: Axon
  active: boolean
  validatorPermit: boolean
  /** Block of the last weights set or committed. */
  lastUpdate: number
  registeredAt: number
  /** Alpha rao per tempo. */
  emission: bigint
  incentive: number
  dividends: number
  consensus: number
  /** Own, delegated and inherited alpha, plus root TAO times the TAO weight: what permits go by. Rao. */
  totalStake: bigint
  alphaStake: bigint
  taoStake: bigint
}

/** One subnet at one block. `neurons[i].uid === i`. */
export type Metagraph = {
  netuid: number
  block: Block
  /** Time of that block, ms since 1970. */
  timestampMs: number
  tempo: number
  ownerHotkey: string | null
  ownerColdkey: string | null
  neurons: Neuron[]
}

export type Hyperparameters = {
  tempo: number
  immunityPeriod: number
  maxUids: number
  minAllowedWeights: number
  /** 65535: no limit. */
  maxWeightsLimit: number
  weightsVersionKey: bigint
  /** Blocks between two weight calls of one hotkey. */
  weightsRateLimit: number
  /** Blocks between two axon (or two prometheus) calls of one hotkey. */
  servingRateLimit: number
  commitRevealEnabled: boolean
  /** 4: timelocked by drand. */
  commitRevealVersion: number
  revealPeriodEpochs: number
  /** A validator that set no weights for so many blocks is not counted. */
  activityCutoff: number
  maxValidators: number
  registrationAllowed: boolean
  /** Rao to register now. */
  burn: bigint
  /** Below it no weights are taken and no permit is given. Rao. */
  stakeThreshold: bigint
  mechanisms: number
}

/** Where a subnet stands in its epochs, all read at one block. Null fields: the runtime is older than stateful epochs. */
export type EpochState = {
  at: number
  netuid: number
  tempo: number
  lastEpochBlock: number | null
  pendingEpochAt: number | null
  epochIndex: number | null
  blocksSinceLastStep: number
  revealPeriodEpochs: number
}

/** One row of the weight matrix: [uid, share of 65535] in the order stored. */
export type WeightRow = [uid: number, value: number][]

/** `mechanism` 0 is the subnet itself. */
export type WeightsCall = { netuid: number; mechanism: number; uids: number[]; /** u16 each. */ values: number[]; versionKey: number }

/** What was done, and where it stands on chain. `finalized` tells that it cannot be undone any more. */
export type Receipt = { extrinsic: string; block: Block; finalized: boolean; events: string[] }

/** How a connection stands, for status pages and metrics. */
export type ChainStatus = {
  /** URL without credentials; null: no endpoint answers. */
  endpoint: string | null
  connectedSinceMs: number | null
  head: Block | null
  headAtMs: number | null
  finalized: Block | null
  /** Of the runtime; null: not connected yet. */
  spec: number | null
  genesis: string | null
  /** Since start. */
  failovers: number
  /** Why there is no connection, or why the last endpoint was left. */
  trouble: string | null
}

/** A pulse of drand: nobody knows its randomness before its time, and everybody can check it afterwards. Hex without 0x. */
export type Pulse = { round: number; randomness: string; signature: string }
