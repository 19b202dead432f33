import { expect, it } from 'vitest'
import { type AllocateInput, allocateInput } from './allocation.ts'

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfz1CT7rvJ6v7Wlxst0Ah3FZfyALLDDcNwGCyTTwrvh'

it('needs a key and nothing else', () => {
  const expected: Partial<AllocateInput> = {
    gpu: { count: 1 },
    host: {},
    ssh_keys: [KEY],
    env: {},
    init: [],
    lease_hours: 24,
    ready_by_s: 300,
  }
  expect(allocateInput.parse({ ssh_keys: [`${KEY} me@home`] })).toEqual(expected)
})

it('takes everything it offers', () => {
  const full = {
    gpu: { count: 'all', model: 'h200', min_vram_gb: 80 },
    host: { min_cpus: 8, min_memory_gb: 64, min_disk_gb: 100.5 },
    hotkey: '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
    image: 'pytorch/pytorch:2.5.1',
    ssh_keys: [KEY],
    env: { HF_HOME: '/data', EMPTY: '', QUOTED: `"$(x)' ; \\` },
    init: [['sh', '-c', 'echo "$HOME" > /tmp/x\nexit']],
    lease_hours: 0.5,
    ready_by_s: 60,
    name: 'ein Gerät',
  }
  expect(allocateInput.parse(full)).toEqual(full)
})

it.each<[field: string, input: object]>([
  ['ssh_keys', {}],
  ['ssh_keys', { ssh_keys: [] }],
  ['ssh_keys', { ssh_keys: Array.from({ length: 17 }, () => KEY) }],
  ['ssh_keys.1', { ssh_keys: [KEY, 'ssh-ed25519 AAAA'] }],
  ['gpu.count', { gpu: { count: 0 } }],
  ['gpu.count', { gpu: { count: 1.5 } }],
  ['gpu.count', { gpu: { count: 65 } }],
  ['gpu.count', { gpu: { count: 'some' } }],
  ['gpu.model', { gpu: { model: '' } }],
  ['gpu.min_vram_gb', { gpu: { min_vram_gb: -1 } }],
  ['host.min_cpus', { host: { min_cpus: 0 } }],
  ['host.min_memory_gb', { host: { min_memory_gb: 'lots' } }],
  ['host.min_disk_gb', { host: { min_disk_gb: Number.POSITIVE_INFINITY } }],
  ['hotkey', { hotkey: '5GrwvaEF' }],
  ['image', { image: 'a b' }],
  ['env.1X', { env: { '1X': 'a' } }],
  ['env.A B', { env: { 'A B': 'a' } }],
  ['env.NVIDIA_VISIBLE_DEVICES', { env: { NVIDIA_VISIBLE_DEVICES: 'all' } }],
  ['env.CUDA_VISIBLE_DEVICES', { env: { CUDA_VISIBLE_DEVICES: '0' } }],
  ['env.LD_PRELOAD', { env: { LD_PRELOAD: 'x.so' } }],
  ['env.A', { env: { A: 'one\ntwo' } }],
  ['env.A', { env: { A: 'x'.repeat(4097) } }],
  ['env.A', { env: { A: 1 } }],
  ['env', { env: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`V${i}`, ''])) }],
  ['init', { init: Array.from({ length: 17 }, () => ['true']) }],
  ['init.0', { init: [[]] }],
  ['init.0', { init: ['echo hi'] }],
  ['init.0.1', { init: [['echo', 'a\u0000b']] }],
  ['lease_hours', { lease_hours: 0 }],
  ['lease_hours', { lease_hours: 721 }],
  ['ready_by_s', { ready_by_s: 4 }],
  ['name', { name: 'two\nlines' }],
  ['name', { name: 'x'.repeat(65) }],
])('names the bad field %s', (field, input) => {
  const { error } = allocateInput.safeParse({ ssh_keys: [KEY], ...input, ...(Object.keys(input).length === 0 && { ssh_keys: undefined }) })
  expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([field])
  expect(error?.issues[0]?.message).toBeTruthy()
})

it('names a field it does not know', () => {
  const { error } = allocateInput.safeParse({ ssh_keys: [KEY], docker_appendix: 'RUN true' })
  expect(error?.issues[0]).toMatchObject({ code: 'unrecognized_keys', keys: ['docker_appendix'] })
})
