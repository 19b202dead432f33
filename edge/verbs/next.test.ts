import { describe, expect, it } from 'vitest'
import type { AllocationRow } from '../store/allocations.ts'
import { next } from './next.ts'

const NOW = 1_000_000
const row = (o: Partial<AllocationRow> = {}): AllocationRow => ({
  id: 'al_1',
  purpose: 'rent',
  holder: 'alice',
  keyId: null,
  name: null,
  idempotencyKey: null,
  bodyHash: null,
  traceId: '1',
  createdAt: 0,
  desired: 'run',
  stopReason: null,
  stopAt: null,
  generation: 1,
  incarnation: 2,
  restartN: 0,
  keysN: 0,
  sshKeys: [],
  expiresAt: NOW * 2,
  spec: { gpu: { count: 1 }, host: {}, image: 'a', env: {}, init: [], ready_by_s: 300 },
  limits: { cpus: 1, memory_mb: 1, shm_mb: 1, disk_gb: 1, pids: 1 },
  hotkey: 'm',
  exclusive: false,
  gpuWant: 1,
  gpuGot: 1,
  tried: [],
  readyBy: NOW + 100_000,
  phase: 'none',
  factIncarnation: 0,
  observedGeneration: 0,
  observedRestartN: 0,
  observedKeysN: 0,
  error: null,
  progress: null,
  host: null,
  port: null,
  user: null,
  hostKey: null,
  hostKeySignature: null,
  ackedAt: null,
  readyAt: null,
  factAt: null,
  deadlineAt: NOW + 5_000,
  unreachableSince: null,
  warnAt: null,
  degradedAt: null,
  endedAt: null,
  endReason: null,
  ...o,
})

describe('next', () => {
  const failed = { phase: 'failed', factIncarnation: 2, error: { code: 'disk_full', message: '' } } as const
  const table: [string, Partial<AllocationRow>, ReturnType<typeof next>][] = [
    ['waits for its deadline', {}, { kind: 'wait', until: NOW + 5_000 }],
    ['skips who never answered', { deadlineAt: NOW }, { kind: 'skip', reason: 'silent' }],
    ['skips who answered and then stood still', { deadlineAt: NOW, ackedAt: NOW - 1 }, { kind: 'skip', reason: 'no_progress' }],
    ['skips who failed, at once', failed, { kind: 'skip', reason: 'disk_full' }],
    ['skips who says gone before it was ready', { phase: 'gone', factIncarnation: 2 }, { kind: 'skip', reason: 'gone' }],
    ['does not hear an older incarnation', { ...failed, factIncarnation: 1 }, { kind: 'wait', until: NOW + 5_000 }],
    ['gives up when the client’s time is over, whatever moves', { readyBy: NOW, deadlineAt: NOW + 1 }, { kind: 'give_up', reason: 'not_ready' }],
    ['leaves alone what was ready', { ...failed, readyAt: NOW - 1, deadlineAt: null }, { kind: 'settled' }],
    ['leaves alone what is asked to stop', { desired: 'stop', deadlineAt: null }, { kind: 'settled' }],
  ]
  it.each(table)('%s', (_, o, expected) => expect(next(row(o), NOW)).toEqual(expected))
})
