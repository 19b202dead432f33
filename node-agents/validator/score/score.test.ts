import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { failed, gpu, host, HOUR, invalid, MINER, NOW, proof, proofOf, ROUND, view } from '../../../test/support/scores.ts'
import type { Proof } from '../store/types.ts'
import { readCatalog } from '../../core/catalog.ts'
import { scoreMiner } from './score.ts'
import type { MinerView, PeerNumber, Scored } from './types.ts'

const catalog = readCatalog()
const H200 = 'NVIDIA H200'
const score = (v: MinerView) => scoreMiner(v, ROUND, catalog)
const names = ({ factors }: Scored) => factors.factors.map((f) => f.name)
const from = ({ factors }: Scored, name: string) => factors.factors.find((f) => f.name === name)?.from
const product = ({ factors }: Scored) => factors.factors.reduce((all, f) => all * f.value, 1)
const of = (n: number, model = H200) => Array.from({ length: n }, () => model)

/** The original, word for word from the facts: config.yaml gpu_scores, calculate_pow_score, and stats.score = score * 100. */
const GPU_SCORES: Record<string, number> = {
  'NVIDIA H200': 4.0,
  'NVIDIA H100 80GB HBM3': 3.3,
  'NVIDIA H100': 2.8,
  'NVIDIA A100-SXM4-80GB': 1.9,
  'NVIDIA A100 80GB PCIe': 0,
  'NVIDIA L40s': 0,
  'NVIDIA L4': 0,
}
function originalScore(name: string, numGpus: number): number {
  const scalingFactor = 100 / (Math.max(...Object.values(GPU_SCORES)) * 8)
  return (((GPU_SCORES[name] ?? 0) * Math.min(numGpus, 8) * scalingFactor) / 100) * 100
}

describe("the original's formula", () => {
  it('comes out for every uniform host with a perfect record', () =>
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(GPU_SCORES)), fc.integer({ min: 1, max: 64 }), fc.nat(60), (model, count, tries) => {
        const found = score(view(of(count, model), { liveness: { attempts: tries, successes: tries } }))
        expect(found.score).toBeCloseTo(originalScore(model, count), 9)
        expect(found).toMatchObject({ gpus: { model, count }, own: true, reliability: 1 })
      }),
    ))
  it.each([
    [H200, 8, 100],
    [H200, 1, 12.5],
    [H200, 64, 100],
    ['NVIDIA H100 80GB HBM3', 8, 82.5],
    ['NVIDIA A100-SXM4-80GB', 4, 23.75],
    ['NVIDIA L4', 8, 0],
  ])('%s x %s: %s', (model, count, wanted) => expect(score(view(of(count, model))).score).toBeCloseTo(wanted, 9))
})

describe('cards of several models', () => {
  it('counts the 8 best, and says for what', () => {
    const mixed = score(view([...of(6, 'NVIDIA L4'), ...of(4, H200), ...of(3, 'NVIDIA H100 80GB HBM3')]))
    expect(mixed.score).toBeCloseTo(((4 * 4 + 3 * 3.3) * 100) / 32, 9)
    expect(mixed.gpus).toEqual({ model: H200, count: 4 })
    expect(from(mixed, 'cards')).toBe('6 x NVIDIA L4, 4 x NVIDIA H200, 3 x NVIDIA H100 80GB HBM3 proved, the best 8 count')
  })
  it('a card nobody knows earns nothing, is no error, and is noted', () => {
    const found = score(view([H200, 'NVIDIA X\u001b[2J']))
    expect(found.score).toBeCloseTo(12.5, 9)
    expect(found.factors.note).toBe('not in the catalogue, so without points: NVIDIA X?[2J')
    expect(score(view(['NVIDIA Y'])).score).toBe(0)
  })
  it('adding a proved card never lowers a score', () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...Object.keys(GPU_SCORES), 'NVIDIA ?'), { minLength: 1, maxLength: 16 }), (models) => {
        expect(score(view(models)).score).toBeGreaterThanOrEqual(score(view(models.slice(1))).score - 1e-9)
      }),
    ))
})

describe('zero, and why', () => {
  const penalty = (until: number | null) => ({ hotkey: MINER, reason: 'two wrong proofs', from: NOW - HOUR, until })
  const out = { uid: 1, hotkey: MINER, excluded: 'outdated' as const, why: 'it announces version 1', shares: [] }
  it.each<[string, Partial<MinerView>, string, RegExp, boolean]>([
    ['penalized until', { penalty: penalty(NOW + HOUR) }, 'penalty', /^two wrong proofs \(until 2027-01-15T09:00:00\.000Z\)$/, true],
    ['penalized until pardoned', { penalty: penalty(null) }, 'penalty', /until it is pardoned/, true],
    ['left out by the filter', { filtered: out }, 'filter', /^outdated: it announces version 1$/, false],
    ['never proved', { proofs: [] }, 'proof', /not proved yet/, false],
    ['only failures', { proofs: [failed(NOW, 'no answer')] }, 'proof', /no answer/, false],
    ['a wrong proof', { proofs: [invalid(NOW), proofOf([H200], { at: NOW - HOUR })] }, 'proof', /row 7 is wrong/, true],
    ['an old proof', { proofs: [proofOf([H200], { at: NOW - 25 * HOUR })] }, 'proof', /1 x NVIDIA H200: not rented for more than 24 h/, false],
    ['a card that is gone', { miner: host([]) }, 'proof', /the edge no longer shows it/, true],
    ['unknown to the edge', { miner: null }, 'proof', /the edge no longer shows it/, true],
    ['a simulated card', { miner: host([gpu(0, { simulated: true })]) }, 'proof', /in development only/, true],
  ])('%s', (_, o, name, why, own) => {
    const found = score(view([H200], o))
    expect(found).toMatchObject({ score: 0, own })
    expect(from(found, name)).toMatch(why)
  })
  it('a penalty that ran out is over', () => expect(score(view([H200], { penalty: penalty(NOW) })).score).toBe(12.5))
  it('who is left out is shown without cards, and passes for proved nowhere', () =>
    expect(score(view([H200], { filtered: out }))).toMatchObject({ gpus: null, own: false }))
  it('what else is known of who is penalized stays', () => {
    const found = score(view([H200], { penalty: penalty(null) }))
    expect(found.gpus).toEqual({ model: H200, count: 1 })
    expect(names(found)).toEqual(['catalog', 'cards', 'scale', 'proof_age', 'reliability', 'penalty'])
  })
  it('simulated cards count in development', () => {
    const found = scoreMiner(view([H200], { miner: host([gpu(0, { simulated: true })]) }), { ...ROUND, development: true }, catalog)
    expect(found.score).toBe(12.5)
  })
})

it('is rented when any card is', () => {
  expect(score(view([H200], { miner: host([gpu(0), gpu(1, { rented: true })]) })).allocated).toBe(true)
  expect(score(view([H200])).allocated).toBe(false)
})

describe('the numbers of other validators', () => {
  const peer = (score: number, stake = 1n, o: Partial<PeerNumber> = {}): PeerNumber => ({
    validator: `v${score}`,
    stake: stake * 10n ** 12n,
    score,
    gpus: { model: H200, count: 2 },
    atMs: NOW - HOUR,
    ...o,
  })
  const unproved = (peers: PeerNumber[]) => score(view([H200], { proofs: [], peers }))

  it.each<[string, PeerNumber[], number]>([
    ['one', [peer(40)], 40],
    ['three of the same stake', [peer(90), peer(10), peer(30)], 30],
    ['most stake decides', [peer(10, 1n), peer(20, 1n), peer(80, 3n)], 80],
    ['a tie goes to the lower', [peer(70, 2n), peer(20, 2n)], 20],
    ['a liar without half of the stake moves nothing beyond the honest', [peer(100, 4n), peer(50, 3n), peer(52, 2n)], 52],
    ['too much is clamped', [peer(1000)], 100],
    ['below zero is clamped', [peer(-5)], 0],
  ])('%s', (_, peers, wanted) => {
    const found = unproved(peers)
    expect(found).toMatchObject({ score: wanted, own: false, gpus: { model: H200, count: 2 } })
    expect(found.factors.factors.map((f) => [f.name, f.value])).toEqual([['peers', wanted]])
  })
  it('are named, those with most stake', () => {
    const many = [1, 2, 3, 4, 5, 6].map((n) => peer(n * 10, BigInt(n)))
    expect(from(unproved(many), 'peers')).toBe('stake-weighted median of 6 (v60 60, v50 50, v40 40, v30 30 and 2 more), the oldest 1.0 h')
    expect(from(unproved([peer(40)]), 'peers')).toBe('stake-weighted median of 1 (v40 40), the oldest 1.0 h')
  })
  it('stake is exact above what a double holds', () => {
    const big = 2n ** 60n
    const [low, high] = [peer(10, 1n, { stake: big }), peer(20, 1n, { stake: big + 1n })]
    expect(unproved([low, high]).score).toBe(20)
  })
  it('lies between the least and the most, and in no other order than that of stake', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ score: fc.double({ min: 0, max: 100, noNaN: true }), stake: fc.bigInt({ min: 1n, max: 10n ** 6n }) }), {
          minLength: 1,
          maxLength: 20,
        }),
        (rows) => {
          const peers = rows.map((r, i) => peer(r.score, r.stake, { validator: `v${i}` }))
          const median = unproved(peers).score
          const stakeOf = (which: (score: number) => boolean) => rows.filter((r) => which(r.score)).reduce((sum, r) => sum + r.stake, 0n)
          const total = stakeOf(() => true)
          expect(stakeOf((s) => s < median) * 2n < total && stakeOf((s) => s > median) * 2n <= total).toBe(true)
          expect(unproved(peers.toReversed()).score).toBe(median)
        },
      ),
    ))

  it.each<[string, Proof[], boolean]>([
    ['no proof', [], true],
    ['all failed', [failed(NOW), failed(NOW - HOUR)], true],
    ['proved too long ago', [failed(NOW), proofOf([H200], { at: NOW - 30 * HOUR })], true],
    ['proved too long ago, and wrong before that', [proofOf([H200], { at: NOW - 30 * HOUR }), invalid(NOW - 31 * HOUR)], true],
    ['one card gone, the other proved too long ago', [proofOf([H200, H200], { at: NOW - 30 * HOUR })], true],
    ['all cards gone', [proof({ gpus: [{ uuid: 'GPU-9', model: H200, rentedMs: 0 }] })], false],
    ['proved', [proofOf([H200])], false],
    ['proved, then failed', [failed(NOW), proofOf([H200], { at: NOW - HOUR })], false],
    ['a wrong proof, then failed', [failed(NOW), invalid(NOW - HOUR)], false],
    ['a wrong proof', [invalid(NOW), proofOf([H200], { at: NOW - HOUR })], false],
  ])('count only where own proofs say nothing: %s', (_, proofs, used) => {
    const found = score(view([H200], { proofs, peers: [peer(99)] }))
    expect(names(found).includes('peers')).toBe(used)
    expect(found.own).toBe(!used)
  })
  it('save nobody from a penalty', () => {
    const found = score(view([H200], { proofs: [], peers: [peer(99)], penalty: { hotkey: MINER, reason: 'x', from: 0, until: null } }))
    expect([found.score, names(found)]).toEqual([0, ['peers', 'penalty']])
  })
})

describe('every factor is said', () => {
  const result = fc.constantFrom<Proof['result']>('valid', 'valid', 'failed', 'invalid')
  const step = fc.record({ result, agoH: fc.integer({ min: 0, max: 200 }), models: fc.array(fc.constantFrom(...Object.keys(GPU_SCORES)), { maxLength: 12 }) })
  const peers = fc.array(fc.double({ min: -10, max: 200, noNaN: true }), { maxLength: 5 })
  it('their product is the score, which is in 0..100', () =>
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), peers, fc.nat(60), fc.boolean(), fc.boolean(), (steps, others, missed, punished, out) => {
        const proofs = steps.map(({ result, agoH, models }) => ({ ...proofOf(result === 'valid' ? models : [], { at: NOW - agoH * HOUR }), result }))
        const found = score(
          view(of(12), {
            proofs,
            peers: others.map((score, i) => ({ validator: `v${i}`, stake: 1n, score, gpus: null, atMs: NOW })),
            liveness: { attempts: 60, successes: 60 - missed },
            penalty: punished ? { hotkey: MINER, reason: 'x', from: 0, until: null } : null,
            filtered: { uid: 1, hotkey: MINER, excluded: out ? 'no_address' : null, why: out ? 'none' : null, shares: [] },
          }),
        )
        expect(found.score).toBeCloseTo(product(found), 9)
        expect(found.score).toBeGreaterThanOrEqual(0)
        expect(found.score).toBeLessThanOrEqual(100)
        expect(found.factors.factors.every((f) => f.name !== '' && f.from !== '')).toBe(true)
        if (punished || out) expect(found.score).toBe(0)
      }),
    ))
})

describe('corrupt input throws and is no zero', () => {
  const other = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
  const stranger = { validator: 'v', stake: 1n, score: Number.NaN, gpus: null, atMs: NOW }
  it.each<[string, Partial<MinerView>]>([
    ['a proof of another hotkey', { proofs: [proofOf([H200], { hotkey: other })] }],
    ['specs of another hotkey', { miner: host([gpu(0)], { hotkey: other }) }],
    ['a penalty of another hotkey', { penalty: { hotkey: other, reason: 'x', from: 0, until: null } }],
    ['a filter row of another hotkey', { filtered: { uid: 1, hotkey: other, excluded: null, why: null, shares: [] } }],
    ['liveness', { liveness: { attempts: 1, successes: 2 } }],
    ['a time', { proofs: [proof({ at: Number.NaN, gpus: [{ uuid: 'GPU-0', model: H200, rentedMs: 0 }] })] }],
    ['a rented time', { miner: host([gpu(0, { rented_ms: Number.NaN })]) }],
    ['a number of others', { proofs: [], peers: [stranger] }],
  ])('%s', (_, o) => expect(() => score(view([H200], o))).toThrow(RangeError))
})
