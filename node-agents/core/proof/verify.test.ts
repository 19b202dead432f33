import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, type Cheat, fixedRandom, rolled, SlowGpu } from '../../../test/support/pog.ts'
import type { Challenge } from './gpu.ts'
import { hash } from './merkle.ts'
import type { OpenRequest } from './request.ts'
import type { Sizes } from './sizes.ts'
import type { Transcript } from './transcript.ts'
import { KEEP_LIMIT, Verifier } from './verify.ts'

const SIZES: Sizes = { n: 64, K: 12, w: 4, f: 4, lanes: 8, r: 2, Q: 24 }
const challenge = (sizes: Partial<Sizes> = {}, run = 0): Challenge => ({ sizes: { ...SIZES, ...sizes }, seed: fixedRandom(run).bytes(32) })
const NONCE = Buffer.alloc(32, 7)
/** A GPU that did all it was told, as it was told or otherwise. */
const swept = (of: Challenge, gpu = 0, cheat: Cheat = {}) => new SlowGpu(of, gpu, cheat).sweep(NONCE)

/** Runs all GPUs of a machine through one verifier. */
function verdictOn(of: Challenge, gpus: { transcript: Transcript; open: (request: OpenRequest) => Buffer[] }[], run = 0) {
  const verifier = new Verifier(of, gpus.length, fixedRandom(run))
  for (const [g, gpu] of gpus.entries()) {
    const request = verifier.commit(g, NONCE, gpu.transcript)
    if (!request) continue
    for (const [k, bytes] of gpu.open(request).entries()) verifier.take(g, k, bytes)
    verifier.done(g)
  }
  return verifier.verdict()
}

describe('honest', () => {
  it('is never refused, whatever the sizes', { timeout: 180_000 }, () => {
    const sizes = fc
      .record({
        n: fc.constantFrom(32, 64),
        K: fc.integer({ min: 1, max: 5 }),
        group: fc.constantFrom([1, 4], [2, 2], [4, 1], [2, 4], [1, 8], [4, 2]),
        lanes: fc.integer({ min: 1, max: 8 }),
        r: fc.integer({ min: 1, max: 3 }),
        Q: fc.integer({ min: 1, max: 6 }),
      })
      .map(({ group: [w = 0, f = 0], r, ...rest }): Sizes => ({ ...rest, w, f, r: Math.min(r, rest.K) }))
    fc.assert(
      fc.property(sizes, fc.nat(), fc.constantFrom([0, 1], [0, 8], [3, 8], [7, 8]), (sizes, run, [gpu = 0, gpus = 0]) => {
        const of = challenge(sizes, run)
        const verifier = new Verifier(of, gpus, fixedRandom(run))
        const slow = swept(of, gpu)
        for (const [k, bytes] of slow.open(verifier.commit(gpu, NONCE, slow.transcript) ?? { rows: [], u: [] }).entries()) verifier.take(gpu, k, bytes)
        expect(verifier.verdict().gpus[gpu]).toMatchObject({ gpu, result: 'passed' })
      }),
      { numRuns: 1000 },
    )
  })

  it('may take its bytes away again: what is kept is a copy', () => {
    const of = challenge()
    const gpu = swept(of)
    const verifier = new Verifier(of, 1, fixedRandom(0))
    for (const [k, bytes] of gpu.open(verifier.commit(0, NONCE, gpu.transcript) ?? { rows: [], u: [] }).entries()) {
      verifier.take(0, k, bytes)
      bytes.fill(0)
    }
    expect(verifier.verdict().result).toBe('passed')
  })

  it('says how many entries hold', () => {
    const of = challenge()
    const verdict = verdictOn(of, [swept(of), swept(of, 1)])
    expect(verdict.gpus).toEqual([0, 1].map((gpu) => ({ gpu, result: 'passed', chain: 64, sweep: 32 })))
    expect(verdict).toMatchObject({ result: 'passed', fault: null, text: 'all 2 GPUs passed' })
  })
})

const garbage = (rows: Int8Array[]) => rows.map((row, i) => row.map((_, c) => (i * 31 + c * 17) & 127))
/** What a cheat is caught at. */
const CHEATS: [string, Cheat, string[]][] = [
  ['the transcript of another seed', { seed: challenge({}, 99).seed }, ['row', 'group']],
  ['the transcript of another GPU', { gpu: 1 }, ['chain']],
  ['a sweep of another nonce', { nonce: Buffer.alloc(32, 8) }, ['start', 'sweep']],
  ['rounds left out', { round: (t, before, right) => (t % 4 === 3 ? rolled(before) : right()) }, ['chain']],
  ['only the first round left out', { round: (t, before, right) => (t === 0 ? rolled(before) : right()) }, ['chain']],
  ['a part of the rows', { round: (_, before, right) => [...right().slice(0, 48), ...rolled(before).slice(48)] }, ['chain']],
  ['states that are never computed', { round: (_, before) => garbage(before) }, ['chain']],
  ['a sweep that stops half-way', { step: (q, before, right) => (q >= 12 ? rolled(before) : right()) }, ['sweep']],
  ['a last step left out', { step: (q, before, right) => (q === 23 ? rolled(before) : right()) }, ['sweep']],
  ['a sweep over states that are not the committed ones', { step: (_, before) => garbage(before) }, ['sweep']],
]

describe('dishonest', () => {
  it.each(CHEATS)('%s is a mismatch', (_, cheat, checks) => {
    const of = challenge()
    const cheating = swept(of, 0, cheat)
    const verdicts = [0, 1, 2].map((run) => verdictOn(of, [cheating], run))
    const caught = verdicts.flatMap((v) => v.gpus).flatMap((v) => (v.result === 'mismatch' ? [v.mismatch] : []))
    expect(caught).toHaveLength(verdicts.length)
    for (const { gpu, check } of caught) expect([gpu, checks.includes(check)]).toEqual([0, true])
  })

  it('a sweep that starts from rows of its own', () => {
    const of = challenge({ Q: 1 })
    const { gpus } = verdictOn(of, [swept(of, 0, { start: garbage })])
    expect(gpus[0]).toMatchObject({ result: 'mismatch', mismatch: { check: 'start', at: { step: 0 } } })
  })

  it('names the GPU, the check and the entry', () => {
    const of = challenge()
    const wrongLast = (t: number, _: Int8Array[], right: () => Int8Array[]) => (t === 11 ? garbage(right()) : right())
    const machine = [swept(of), swept(of, 1, { round: wrongLast }), swept(of, 2)]
    const verdict = verdictOn(of, machine)
    expect(verdict.result).toBe('mismatch')
    expect(verdict.gpus.map(({ result }) => result)).toEqual(['passed', 'mismatch', 'passed'])
    expect(verdict.gpus[1]).toMatchObject({ mismatch: { gpu: 1, check: 'chain', at: { state: 12 } } })
    expect(verdict.text).toMatch(/^GPU 1: row \d+ of state 12, column \d+, does not follow from the state before$/)
  })

  it.each([
    ['tip', 'tip', { state: 12 }, 'the hash that stopped the clock of the chain is not that of its roots'],
    ['roots', 'tip', { state: 12 }, 'the hash that stopped the clock of the chain is not that of its roots'],
    ['swp', 'swept', { step: 24, lane: 0 }, 'the hash that stopped the clock of the sweep is not that of its root'],
    ['swr', 'swept', { step: 24, lane: 0 }, 'the hash that stopped the clock of the sweep is not that of its root'],
  ] as const)('any bit of %s that is not as it was when the clock stopped', (part, check, where, text) => {
    const of = challenge()
    const { transcript } = swept(of)
    for (let bit = 0; bit < 8 * transcript[part].length; bit++) {
      const touched = Buffer.from(transcript[part])
      touched.writeUInt8(touched.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      const verifier = new Verifier(of, 1, fixedRandom(bit))
      expect(verifier.commit(0, NONCE, { ...transcript, [part]: touched })).toBeNull()
      expect(verifier.verdict()).toMatchObject({ gpus: [{ result: 'mismatch', mismatch: { gpu: 0, check, at: where } }], text: `GPU 0: ${text}` })
    }
  })

  it('a root of another sweep, even one that stopped the clock', () => {
    const of = challenge()
    const gpu = swept(of)
    const swr = Buffer.alloc(32)
    const verdict = verdictOn(of, [{ transcript: { ...gpu.transcript, swp: hash(swr), swr }, open: (request) => gpu.open(request) }])
    expect(verdict.gpus[0]).toMatchObject({ mismatch: { check: 'lane' } })
  })
})

describe('one bit changed anywhere in what is opened', () => {
  it('is a mismatch, 10000 times', { timeout: 180_000 }, () => {
    const of = challenge({ n: 32, K: 3, Q: 4, w: 2, f: 4 })
    const gpu = swept(of)
    let refused = 0
    fc.assert(
      fc.property(fc.nat(383), fc.nat(), fc.nat(200), (which, bit, run) => {
        const verifier = new Verifier(of, 8, fixedRandom(run))
        const request = verifier.commit(0, NONCE, gpu.transcript) ?? { rows: [], u: [] }
        const openings = gpu.open(request)
        const touched = Buffer.from(at(openings, which % openings.length))
        const place = bit % (8 * touched.length)
        touched.writeUInt8(touched.readUInt8(place >> 3) ^ (1 << (place & 7)), place >> 3)
        for (const [k, bytes] of openings.entries()) verifier.take(0, k, k === which % openings.length ? touched : bytes)
        if (at(verifier.verdict().gpus, 0).result === 'mismatch') refused++
      }),
      { numRuns: 10_000 },
    )
    expect(refused).toBe(10_000)
  })
})

describe('malformed', () => {
  const of = challenge()
  const gpu = swept(of)
  const short = (part: keyof Transcript) => ({ ...gpu.transcript, [part]: gpu.transcript[part].subarray(1) })

  it.each(['tip', 'roots', 'swp', 'swr'] as const)('a commitment whose %s is too short', (part) => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    expect(verifier.commit(0, NONCE, short(part))).toBeNull()
    expect(verifier.verdict().gpus).toEqual([{ gpu: 0, result: 'malformed', reason: expect.stringMatching(`^${part} of \\d+ bytes instead of \\d+$`) }])
    expect(verifier.commit(0, NONCE, gpu.transcript)).toBeNull()
  })

  it.each<[string, (verifier: Verifier, openings: Buffer[]) => void, string]>([
    ['openings in another order', (v, o) => v.take(0, 1, at(o, 1)), 'opening 1 came when 0 was due'],
    ['one opening twice', (v, o) => [0, 0].forEach((k) => v.take(0, k, at(o, 0))), 'opening 0 came when 1 was due'],
    ['one too many', (v, o) => [...o, at(o, 0)].forEach((bytes, k) => v.take(0, k, bytes)), 'came after the last'],
    ['done too early', (v, o) => (v.take(0, 0, at(o, 0)), v.done(0)), 'done after 1 of'],
    ['an opening that is too short', (v, o) => v.take(0, 0, at(o, 0).subarray(2)), 'opening 0: row with its group and path of '],
    ['a lane where a row is due', (v, o) => v.take(0, 0, at(o, o.length - 1)), 'opening 0: row with its group and path of '],
    ['a line that could not be read', (v) => v.malformed(0, new Error('no base64')), 'no base64'],
    ['a second commitment', (v) => v.commit(0, NONCE, gpu.transcript), 'committed twice'],
  ])('%s', (_, act, why) => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    act(verifier, gpu.open(verifier.commit(0, NONCE, gpu.transcript) ?? { rows: [], u: [] }))
    expect(verifier.verdict().gpus).toEqual([{ gpu: 0, result: 'malformed', reason: expect.stringContaining(why) }])
    expect(verifier.verdict().text).toContain(why)
  })

  it('rows exchanged under their right numbers are a mismatch: they were committed otherwise', () => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    const openings = gpu.open(verifier.commit(0, NONCE, gpu.transcript) ?? { rows: [], u: [] })
    verifier.take(0, 0, at(openings, 1))
    expect(verifier.verdict().result).toBe('mismatch')
  })

  it.each<[string, (verifier: Verifier) => void]>([
    ['an opening before a commitment', (v) => v.take(0, 0, Buffer.alloc(0))],
    ['done before a commitment', (v) => v.done(0)],
  ])('%s', (_, act) => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    act(verifier)
    expect(verifier.verdict()).toMatchObject({ result: 'malformed', text: expect.stringContaining('before anything was committed') })
  })

  it.each([-1, 1, 0.5, Number.NaN])('a line of GPU %s, which is not there, spoils all but a mismatch', (g) => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    verifier.take(g, 0, Buffer.alloc(0))
    expect(verifier.verdict()).toMatchObject({ result: 'malformed', text: `a line is of GPU ${g}, and there are 1` })
    verifier.commit(0, NONCE, { ...gpu.transcript, tip: Buffer.alloc(32) })
    expect(verifier.verdict().result).toBe('mismatch')
  })

  it('the first thing that was wrong stays', () => {
    const verifier = new Verifier(of, 1, fixedRandom(0))
    verifier.commit(0, NONCE, { ...gpu.transcript, tip: Buffer.alloc(32) })
    verifier.take(0, 7, Buffer.alloc(1))
    verifier.done(0)
    verifier.malformed(0, 'later')
    expect(verifier.verdict().gpus[0]).toMatchObject({ result: 'mismatch', mismatch: { check: 'tip' } })
    verifier.malformed(null, 'a line of more than 65536 bytes')
    expect(verifier.verdict()).toMatchObject({ result: 'mismatch', fault: 'a line of more than 65536 bytes' })
  })
})

describe('what did not come', () => {
  it('is neither a mismatch nor malformed', () => {
    const of = challenge()
    const gpu = swept(of)
    const verifier = new Verifier(of, 2, fixedRandom(0))
    expect(verifier.verdict()).toMatchObject({ result: 'unfinished', text: 'GPU 0: 0 of 0 openings came' })
    const openings = gpu.open(verifier.commit(0, NONCE, gpu.transcript) ?? { rows: [], u: [] })
    for (const [k, bytes] of openings.slice(0, -1).entries()) verifier.take(0, k, bytes)
    expect(verifier.verdict().gpus[0]).toEqual({ gpu: 0, result: 'unfinished', checked: openings.length - 1, asked: openings.length })
    verifier.take(0, openings.length - 1, at(openings, openings.length - 1))
    expect(verifier.verdict().gpus.map(({ result }) => result)).toEqual(['passed', 'unfinished'])
  })
})

describe('what a verifier refuses to begin', () => {
  const REAL: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }
  it.each<[string, () => Verifier, string]>([
    ['sizes that are none', () => new Verifier(challenge({ n: 48 }), 1), 'powers of two'],
    ['no GPUs', () => new Verifier(challenge(), 0), '0 GPUs'],
    ['a short seed', () => new Verifier({ ...challenge(), seed: Buffer.alloc(31) }, 1), '32 bytes'],
    ['more than it may keep', () => new Verifier(challenge({ ...REAL, r: 16 }), 32), String(KEEP_LIMIT)],
  ])('%s', (_, begin, why) => {
    expect(begin).toThrow(RangeError)
    expect(begin).toThrow(why)
  })

  it('a short nonce', () => {
    const { transcript } = swept(challenge())
    expect(() => new Verifier(challenge(), 1).commit(0, Buffer.alloc(31), transcript)).toThrow('32 bytes')
  })

  it.each([
    [1, 16_384],
    [8, 16_384],
    [8, 32_768],
    [16, 16_384],
  ])('never %i GPUs at n=%i', (gpus, n) => {
    expect(new Verifier(challenge({ ...REAL, n }), gpus).verdict().result).toBe('unfinished')
  })
})
