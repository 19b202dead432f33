import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Spec } from '../../schema/tables/allocations.ts'
import { MAX_PICKS, pick, share, type Candidate } from './pick.ts'

const host = (hotkey: string, o: Partial<Candidate> = {}): Candidate => ({
  hotkey,
  modelKey: 'nvidia h200',
  free: 8,
  total: 8,
  hostFree: 8,
  warm: false,
  score: null,
  cpus: 64,
  memoryMb: 524_288,
  diskFreeMb: 2_048_000,
  ...o,
})
const spec = (o: Partial<Spec> = {}): Spec => ({ gpu: { count: 1 }, host: {}, image: 'a', env: {}, init: [], ready_by_s: 300, ...o })
const order = (s: Spec, hosts: Candidate[], avoid: string[] = []) => pick(s, hosts, new Set(avoid), 'salt').map((p) => p.hotkey)

describe('pick', () => {
  const table: [string, Spec, Candidate[], string[]][] = [
    ['the image on disk comes first', spec(), [host('cold', { free: 1 }), host('warm', { warm: true })], ['warm', 'cold']],
    ['then the highest score', spec(), [host('ok', { score: 50, free: 1 }), host('best', { score: 50.5 })], ['best', 'ok']],
    ['the image on disk counts for more than any score', spec(), [host('best', { score: 100 }), host('warm', { warm: true, score: 1 })], ['warm', 'best']],
    [
      'unknown is as none, and both come last',
      spec(),
      [host('none', { score: 0, free: 3 }), host('new', { free: 2 }), host('ok', { score: 1 })],
      ['ok', 'new', 'none'],
    ],
    ['then the fullest host', spec(), [host('empty'), host('full', { free: 2 }), host('half', { free: 4 })], ['full', 'half', 'empty']],
    ['too few free GPUs', spec({ gpu: { count: 4 } }), [host('few', { free: 3 }), host('enough', { free: 4 })], ['enough']],
    ['all: nothing may be taken', spec({ gpu: { count: 'all' } }), [host('used', { free: 7, hostFree: 7 }), host('free')], ['free']],
    ['all: of one model', spec({ gpu: { count: 'all' } }), [host('mixed', { free: 4 })], []],
    ['one named miner only', spec({ hotkey: 'b' }), [host('a'), host('b')], ['b']],
    ['enough memory in its share', spec({ host: { min_memory_gb: 58 } }), [host('a'), host('big', { memoryMb: 1_000_000 })], ['big']],
    ['enough CPUs in its share', spec({ host: { min_cpus: 9 } }), [host('a'), host('big', { cpus: 128 })], ['big']],
    ['enough disk in its share', spec({ host: { min_disk_gb: 226 } }), [host('a'), host('big', { diskFreeMb: 4_096_000 })], ['big']],
    ['a host with two models once', spec(), [host('a', { free: 2 }), host('a', { modelKey: 'nvidia l4', free: 1 })], ['a']],
  ]
  it.each(table)('%s', (_, s, hosts, expected) => expect(order(s, hosts)).toEqual(expected))

  it('leaves out who was tried', () => expect(order(spec(), [host('a'), host('b')], ['a'])).toEqual(['b']))

  it('spreads equal hosts by allocation', () => {
    const hosts = Array.from({ length: 50 }, (_, i) => host(`h${i}`))
    const firsts = Array.from({ length: 100 }, (_, i) => pick(spec(), hosts, new Set(), `al_${i}`)[0]?.hotkey)
    expect(new Set(firsts).size).toBeGreaterThan(20)
  })

  const candidate = fc.record({
    hotkey: fc.string({ minLength: 1, maxLength: 3 }),
    free: fc.integer({ min: 0, max: 8 }),
    warm: fc.boolean(),
    score: fc.option(fc.double({ min: 0, max: 100, noNaN: true })),
    cpus: fc.integer({ min: 1, max: 256 }),
  })
  it('holds for any market: bounded, once a host, enough GPUs, whatever the order it was read in', () => {
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 80 }), fc.integer({ min: 1, max: 8 }), (some, count) => {
        const hosts = [...new Map(some.map((c) => [c.hotkey, host(c.hotkey, { ...c, hostFree: c.free })])).values()]
        const picks = pick(spec({ gpu: { count } }), hosts, new Set(), 's')
        expect(picks.length).toBe(Math.min(MAX_PICKS, hosts.filter((h) => h.free >= count).length))
        expect(new Set(picks.map((p) => p.hotkey)).size).toBe(picks.length)
        for (const p of picks) expect(hosts.find((h) => h.hotkey === p.hotkey)?.free).toBeGreaterThanOrEqual(count)
        expect(pick(spec({ gpu: { count } }), hosts.toReversed(), new Set(), 's')).toEqual(picks)
      }),
    )
  })
})

describe('share', () => {
  it('is the part of the GPUs, less a tenth for the host', () => {
    expect(share(host('a'), 2)).toEqual({ cpus: 16, memory_mb: 117_964, shm_mb: 58_982, disk_gb: 450, pids: 8192 })
  })
  it('never promises more than the host over all its tenants, beyond one CPU each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 512 }), fc.integer({ min: 4096, max: 4_000_000 }), (total, cpus, memoryMb) => {
        const each = share(host('a', { total, cpus, memoryMb }), 1)
        expect(each.memory_mb * total).toBeLessThanOrEqual(memoryMb)
        expect(each.cpus).toBeGreaterThan(0)
        expect(each.cpus).toBeLessThanOrEqual(Math.max(1, cpus))
      }),
    )
  })
})
