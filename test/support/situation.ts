import type { WishRun, WishTombstone } from '../../schema/index.ts'
import type { Container } from '../../node-agents/core/ports.ts'
import type { InFlight, Situation } from '../../node-agents/miner/diff.ts'
import { keyOf } from '../../node-agents/miner/key.ts'
import type { Life } from '../../node-agents/miner/memory.ts'

/** Small words for what `diff` decides on: allocation n has GPU n. */

export const NOW = 1_000_000
export const idOf = (n: number) => `al_${String(n).padStart(26, '0')}`
export const trace = 'a'.repeat(32)

export const run = (n: number, change: Partial<WishRun> = {}): WishRun => ({
  kind: 'container',
  id: idOf(n),
  incarnation: 1,
  generation: 1,
  trace,
  desired: 'run',
  restart_n: 0,
  keys_n: 1,
  ssh_keys: [],
  expires_at_ms: NOW + 1000,
  gpus: [`GPU-${n}`],
  image: 'workspace:1',
  env: {},
  init: [],
  limits: { cpus: 1, memory_mb: 1, shm_mb: 1, disk_gb: 1, pids: 1 },
  ...change,
})
export const tombstone = (n: number, incarnation = 1): WishTombstone => ({ kind: 'tombstone', id: idOf(n), incarnation, generation: 2, trace })
export const container = (n: number, change: Partial<Container> = {}): Container => ({
  allocation: idOf(n),
  incarnation: 1,
  gpus: [`GPU-${n}`],
  port: 20_000 + n,
  hostKey: 'ssh-ed25519 AAAA',
  trace,
  state: 'running',
  exitCode: null,
  started: true,
  ...change,
})
export const life = (n: number, stage: Life['stage'], failure: Life['failure'] = null, change: Partial<Life> = {}): Life => ({
  allocation: idOf(n),
  incarnation: 1,
  stage,
  failure,
  restart_n: 0,
  keys_n: 1,
  keys: [],
  expires_at_ms: null,
  at_ms: 0,
  ...change,
})
export const flight = (n: number, kind: InFlight['kind'], change: Partial<InFlight> = {}): InFlight => ({
  allocation: idOf(n),
  incarnation: 1,
  kind,
  gpus: [`GPU-${n}`],
  cancelled: false,
  ...change,
})

export type Given = Omit<Partial<Situation>, 'lives'> & { lives?: Life[] }
export const situation = ({ lives = [], ...rest }: Given): Situation => ({
  entries: [],
  containers: [],
  inFlight: [],
  ready: new Set(),
  worn: new Set(),
  missing: new Set(),
  owed: new Set(),
  mayGo: new Set(),
  nowMs: NOW,
  fresh: true,
  accept: () => null,
  ...rest,
  lives: new Map(lives.map((l) => [keyOf(l), l])),
})
