import type { NewCycle, NewProof, Stat } from '../../node-agents/validator/store/types.ts'
import { encodeHotkey, type Scores, type StateMiner } from '../../schema/index.ts'

/** Rows of a validator's database, with only what a test is about to be named. */

const AT = 1_800_000_000_000

/** So many hotkeys, always the same. */
export function hotkeys(n: number): string[] {
  return Array.from({ length: n }, (_, i) => encodeHotkey(Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? i & 255 : at === 1 ? i >> 8 : 7))))
}

export const aNeuron = (hotkey: string, uid: number, registeredAt = 100) => ({ hotkey, uid, coldkey: `cold of ${hotkey}`, registeredAt })

export const aProof = (hotkey: string, change: Partial<NewProof> = {}): NewProof & { reason: string | null } => ({
  hotkey,
  result: 'valid',
  gpus: [{ uuid: 'GPU-1', model: 'NVIDIA H200', rentedMs: 5 }],
  simulated: false,
  durationMs: 1500,
  block: 200,
  at: AT,
  ...change,
  reason: change.reason ?? null,
})

export const aStat = (hotkey: string, change: Partial<Stat> = {}): Stat => ({
  hotkey,
  uid: 1,
  gpus: { model: 'NVIDIA H200', count: 8 },
  score: 50,
  allocated: false,
  ownScore: true,
  reliability: 1,
  factors: { factors: [], note: null },
  block: 200,
  at: AT,
  ...change,
})

export const aMiner = (hotkey: string): StateMiner => ({
  hotkey,
  version: '0.1.0',
  online: 'online',
  available: true,
  address: '192.0.2.1',
  simulated: false,
  reported_at_ms: AT,
  proof_due: false,
  gpus: [{ uuid: 'GPU-1', model: 'NVIDIA H200', vram_mb: 143_771, simulated: false, rented: false, rented_ms: 5 }],
})

export const aPublication = (validator: string, at_ms: number): Scores => ({
  netuid: 27,
  validator,
  block: 200,
  at_ms,
  signature: `0x${'0'.repeat(128)}`,
  scores: [],
})

export const aCycle = (change: Partial<NewCycle> = {}): NewCycle => ({
  hotkey: 'mine',
  netuid: 27,
  mechanism: 0,
  mode: 'plain',
  state: 'planned',
  uids: [1, 2],
  hotkeys: ['a', 'b'],
  values: [65_535, 1],
  versionKey: '0',
  salt: null,
  plannedBlock: 100,
  deadBlock: null,
  includedBlock: null,
  round: null,
  revealBlock: null,
  readBlock: null,
  readAt: null,
  attempts: 0,
  reason: null,
  at: AT,
  ...change,
})
