import type { StateGpu, StateMiner } from '../../schema/index.ts'
import type { Neuron } from '../../node-agents/core/chain/types.ts'
import type { MinerView, Round } from '../../node-agents/validator/score/types.ts'
import type { Proof } from '../../node-agents/validator/store/types.ts'

/** What scores are made of, for tests: one miner whose cards were proved, unless something else is said. */

export const HOUR = 3600_000
export const NOW = 1_800_000_000_000
export const MINER = '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty'
export const ROUND: Round = { nowMs: NOW, block: 100, development: false }

export const gpu = (n: number, o: Partial<StateGpu> = {}): StateGpu => ({
  uuid: `GPU-${n}`,
  model: 'NVIDIA H200',
  vram_mb: 143_771,
  simulated: false,
  rented: false,
  rented_ms: 0,
  ...o,
})

export const host = (gpus: StateGpu[], o: Partial<StateMiner> = {}): StateMiner => ({
  hotkey: MINER,
  version: '0.1.0',
  online: 'online',
  available: true,
  address: '192.0.2.1',
  simulated: false,
  reported_at_ms: NOW,
  proof_due: false,
  gpus,
  ...o,
})

let id = 0
export const proof = (o: Partial<Proof> = {}): Proof => ({
  id: ++id,
  hotkey: MINER,
  result: 'valid',
  gpus: [],
  simulated: false,
  reason: null,
  evidence: null,
  durationMs: 60_000,
  block: 1,
  at: NOW,
  ...o,
})

/** A valid proof of these models, one card each, never rented before. */
export const proofOf = (models: string[], o: Partial<Proof> = {}) => proof({ gpus: models.map((model, n) => ({ uuid: `GPU-${n}`, model, rentedMs: 0 })), ...o })

export const failed = (at: number, reason = 'no answer'): Proof => proof({ result: 'failed', reason, at })
export const invalid = (at: number): Proof => proof({ result: 'invalid', reason: 'row 7 is wrong', at })

export const neuron = (uid: number, o: Partial<Neuron> = {}): Neuron => ({
  uid,
  hotkey: `hot${uid}`,
  coldkey: `cold${uid}`,
  axon: { ip: `192.0.2.${uid}`, port: 8091, version: 183, block: 1, protocol: 4 },
  active: true,
  validatorPermit: false,
  lastUpdate: 0,
  registeredAt: 0,
  emission: 0n,
  incentive: 0,
  dividends: 0,
  consensus: 0,
  totalStake: 0n,
  alphaStake: 0n,
  taoStake: 0n,
  ...o,
})

/** A miner whose models were all proved right now. */
export const view = (models: string[], o: Partial<MinerView> = {}): MinerView => ({
  neuron: { uid: 1, hotkey: MINER, coldkey: 'cold' },
  filtered: { uid: 1, hotkey: MINER, excluded: null, why: null, shares: [] },
  miner: host(models.map((model, n) => gpu(n, { model }))),
  proofs: models.length === 0 ? [] : [proofOf(models)],
  liveness: { attempts: 0, successes: 0 },
  penalty: null,
  peers: [],
  ...o,
})
