import { describe, expect, it } from 'vitest'
import type { Limits, WishRun } from '../../schema/index.ts'
import { accept, type Allowed } from './accept.ts'

const limits: Limits = { cpus: 4, memory_mb: 8192, shm_mb: 4096, disk_gb: 100, pids: 4096 }
const wish: WishRun = {
  kind: 'container',
  id: `al_${'0'.repeat(26)}`,
  incarnation: 1,
  generation: 1,
  trace: 'a'.repeat(32),
  desired: 'run',
  restart_n: 0,
  keys_n: 0,
  ssh_keys: [],
  expires_at_ms: 0,
  gpus: ['GPU-a', 'GPU-b'],
  image: 'work:1',
  env: {},
  init: [],
  limits,
}
const host: Allowed = {
  images: ['work:1'],
  gpus: new Set(['GPU-a', 'GPU-b']),
  cpus: 4,
  memoryMb: 8192,
  diskMb: 100 * 1024,
  diskFreeMb: 50_000,
  diskReserveMb: 0,
}

describe('accept', () => {
  it.each<[string, Partial<WishRun>, Partial<Allowed>, string | null]>([
    ['everything at its bound', {}, {}, null],
    ['another image', { image: 'work:2' }, {}, 'image_refused'],
    ['the same name without a tag is another image', { image: 'work' }, {}, 'image_refused'],
    ["a GPU that is not this host's", { gpus: ['GPU-a', 'GPU-x'] }, {}, 'gpu_unavailable'],
    ['nvidia-smi never answered', {}, { gpus: null }, 'gpu_unavailable'],
    ['one GPU named twice, for twice its share', { gpus: ['GPU-a', 'GPU-a'] }, {}, 'limits_refused'],
    ['no GPU asked for', { gpus: [] }, {}, 'limits_refused'],
    ['its share of the memory and no more', { gpus: ['GPU-a'], limits: { ...limits, cpus: 2, memory_mb: 4097 } }, {}, 'limits_refused'],
    ['its share of the cpus and no more', { gpus: ['GPU-a'], limits: { ...limits, cpus: 2.1, memory_mb: 4096 } }, {}, 'limits_refused'],
    ['exactly its share', { gpus: ['GPU-a'], limits: { ...limits, cpus: 2, memory_mb: 4096 } }, {}, null],
    ['too many cpus', { limits: { ...limits, cpus: 4.1 } }, {}, 'limits_refused'],
    ['too much memory', { limits: { ...limits, memory_mb: 8193 } }, {}, 'limits_refused'],
    ['more shared memory than memory', { limits: { ...limits, shm_mb: 8193 } }, {}, 'limits_refused'],
    ['more disk than there is', { limits: { ...limits, disk_gb: 101 } }, {}, 'limits_refused'],
    ['more processes than any host gives', { limits: { ...limits, pids: 40_000 } }, {}, 'limits_refused'],
    ['a full disk', {}, { diskFreeMb: 1000 }, 'disk_full'],
    ['a disk with less than its reserve left', {}, { diskFreeMb: 19_000, diskReserveMb: 20_000 }, 'disk_full'],
  ])('%s', (_, change, allowed, code) => {
    expect(accept({ ...wish, ...change }, { ...host, ...allowed }, new Set(['GPU-other']))?.code ?? null).toBe(code)
  })

  it('a GPU that another agent holds is not given, and it says who has it', () => {
    const no = accept(wish, host, new Set([wish.gpus[0] ?? '']))
    expect(no).toEqual({ code: 'gpu_unavailable', message: expect.stringContaining('held by another agent on this host') })
  })
})
