import { expect, it } from 'vitest'
import { makeId } from './ids.ts'
import { type Report, registration, report, wish, wishEntry } from './sync.ts'

const id = (prefix: string) => makeId(prefix, 1, new Uint8Array(10))
const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'

const fact = {
  id: id('al'),
  incarnation: 1,
  phase: 'running',
  observed_generation: 3,
  restart_n: 0,
  keys_n: 0,
  error: null,
  progress: null,
  endpoint: {
    host: '192.0.2.1',
    port: 20_000,
    user: 'root',
    host_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDJ1Qn2VbRPWUDM4zWdSMSNdW1f4kQj8MeJvWUhSjbXB',
    signature: `0x${'0'.repeat(128)}`,
  },
  trace: TRACE,
}
const facts = {
  gpu: { status: 'ok', gpus: [{ uuid: 'GPU-1', index: 0, model: 'NVIDIA H200', vram_mb: 141_000 }] },
  simulated: false,
  driver: 'docker',
  isolation: 'runc',
  engine: 'docker 28',
  disk: 'quota',
  network: 'isolated',
  address: '192.0.2.1',
  cpus: 8,
  memory_mb: 1,
  disk_free_mb: 1,
  images: [],
}
const good = {
  protocol: 1,
  version: '1.0.0',
  install: id('in'),
  boot: id('bo'),
  seq: 1,
  wish: { epoch: 1, version: 2 },
  engine: { ok: true, message: '' },
  allocations: [fact],
  unexplained: [],
  foreign: 0,
  facts,
}
const run = {
  kind: 'container',
  id: id('al'),
  incarnation: 1,
  generation: 1,
  trace: TRACE,
  desired: 'run',
  restart_n: 0,
  keys_n: 0,
  ssh_keys: [],
  expires_at_ms: 1,
  gpus: [],
  image: 'ubuntu',
  env: {},
  init: [],
  limits: { cpus: 1, memory_mb: 1, shm_mb: 1, disk_gb: 1, pids: 1 },
}

it('takes a report as it is, and ignores fields of a newer protocol at every depth', () => {
  expect(report.parse(good)).toEqual(good)
  const newer = {
    ...good,
    mood: 'fine',
    wish: { ...good.wish, mood: 1 },
    engine: { ...good.engine, mood: 1 },
    allocations: [{ ...fact, mood: 1, endpoint: { ...fact.endpoint, mood: 1 } }],
    facts: { ...facts, mood: 1, gpu: { ...facts.gpu, mood: 1 } },
  }
  expect(report.parse(newer)).toEqual(good)
})

it('reads what an agent of protocol 1 leaves out as the least: nothing is bounded, nothing kept apart', () => {
  const { disk: _disk, network: _network, ...older } = facts
  expect(report.parse({ ...good, facts: older }).facts).toEqual({ ...older, disk: 'shared', network: 'open' })
})

it.each<[string, Partial<Record<keyof Report, unknown>>]>([
  ['seq', { seq: 0 }],
  ['seq', { seq: 1.5 }],
  ['install', { install: id('bo') }],
  ['boot', { boot: '' }],
  ['facts', { facts: undefined }],
  ['facts.address', { facts: { ...facts, address: '-oProxyCommand=x' } }],
  ['facts.gpu.status', { facts: { ...facts, gpu: { status: 'maybe' } } }],
  ['facts.gpu.gpus', { facts: { ...facts, gpu: { status: 'ok', gpus: [] } } }],
  ['allocations.0.phase', { allocations: [{ ...fact, phase: 'flying' }] }],
  ['allocations.0.endpoint.host', { allocations: [{ ...fact, endpoint: { ...fact.endpoint, host: 'a b' } }] }],
  ['allocations.0.endpoint.user', { allocations: [{ ...fact, endpoint: { ...fact.endpoint, user: 'root;x' } }] }],
  ['allocations.0.endpoint.port', { allocations: [{ ...fact, endpoint: { ...fact.endpoint, port: 0 } }] }],
  ['unexplained', { unexplained: Array.from({ length: 257 }, () => ({ id: id('al'), incarnation: 1 })) }],
])('refuses a report by its %s', (field, change) => {
  expect(report.safeParse({ ...good, ...change }).error?.issues.map((issue) => issue.path.join('.'))).toEqual([field])
})

it('registers without facts (a validator), ignoring what it does not know', () => {
  const validator = { protocol: 1, version: 'x', role: 'validator', install: id('in') }
  expect(registration.parse({ ...validator, later: true })).toEqual(validator)
})

it('reads the kinds of wish it knows, and leaves others to the agent to call unsupported', () => {
  expect(wishEntry.parse({ ...run, later: 1 })).toEqual(run)
  const tombstone = { kind: 'tombstone', id: id('al'), incarnation: 1, generation: 2, trace: TRACE }
  expect(wishEntry.parse(tombstone)).toEqual(tombstone)
  const unknown = { kind: 'vm', id: id('al'), incarnation: 1 }
  expect(wishEntry.safeParse(unknown).success).toBe(false)
  const claims = { iss: ALICE, aud: ALICE, install: id('in'), protocol: 1, epoch: 1, version: 1, issued_at_ms: 1, allocations: [run, unknown] }
  expect(wish.parse({ ...claims, later: 1 })).toEqual(claims)
})

it('never tells an agent what a container is for', () => {
  expect(Object.keys(wishEntry.parse({ ...run, purpose: 'proof', holder: 'alice' }))).not.toContain('purpose')
})
