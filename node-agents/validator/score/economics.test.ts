import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StateMiner } from '../../../schema/index.ts'
import { failed, gpu, host, HOUR, invalid, NOW, proof, proofOf, view } from '../../../test/support/scores.ts'
import type { Proof } from '../store/types.ts'
import { readCatalog } from '../../core/catalog.ts'
import { type Lapse, valid } from './economics.ts'
import { scoreMiner } from './score.ts'

const H200 = 'NVIDIA H200'
const at = (nowMs = NOW, development = false) => ({ nowMs, development })
/** One card, proved so many hours ago when it had been rented 100 h in all, and rented so many hours since. */
const lapse = (agoH: number, rentedH: number, o: Partial<Proof> = {}): Lapse | null | undefined =>
  valid(
    [proof({ gpus: [{ uuid: 'GPU-0', model: H200, rentedMs: 100 * HOUR }], at: NOW - agoH * HOUR, ...o })],
    host([gpu(0, { rented_ms: (100 + rentedH) * HOUR })]),
    at(),
  ).cards[0]?.lapse

describe('how long a proof holds', () => {
  it.each<[string, number, number, Lapse | null]>([
    ['just proved', 0, 0, null],
    ['never rented, to the hour', 24, 0, null],
    ['never rented, or rent refused', 24.1, 0, 'aged'],
    ['always rented', 100, 100, null],
    ['always rented, to the hour', 168, 168, null],
    ['always rented, too long in all', 168.1, 168.1, 'old'],
    ['half rented', 48, 24, null],
    ['half rented, too long', 48.1, 24.05, 'aged'],
    ['rented, then released and idle', 72, 48, null],
    ['rented, then released and idle too long', 72.1, 48, 'aged'],
    ['a counter that went backwards', 23, -50, null],
    ['a counter that went backwards does not help', 25, -50, 'aged'],
    ['a counter read a little late', 30, 30.9, null],
    ['a counter that leapt says nothing', 30, 40, 'aged'],
    ['proved after now: a clock was put back', -5, 0, null],
  ])('%s', (_, ago, rented, wanted) => expect(lapse(ago, rented)).toBe(wanted))

  it('ages by the clock while the edge is out of reach and its counters stand still', () => {
    const proofs = [proofOf([H200], { at: NOW })]
    const rented = host([gpu(0, { rented: true })])
    const later = (h: number) => valid(proofs, rented, at(NOW + h * HOUR)).cards[0]?.lapse
    expect([later(24), later(24.1)]).toEqual([null, 'aged'])
  })

  it.each([
    ['read a little late', 30, 30.9],
    ['from after now', -5, 0],
  ])('no age is below zero: %s', (_, ago, rented) => {
    const proofs = [proof({ gpus: [{ uuid: 'GPU-0', model: H200, rentedMs: 0 }], at: NOW - ago * HOUR })]
    expect(valid(proofs, host([gpu(0, { rented_ms: rented * HOUR })]), at()).cards[0]).toMatchObject({ wallMs: Math.max(0, ago) * HOUR, unrentedMs: 0 })
  })

  it.each([
    ['rented time', () => lapse(1, Number.NaN)],
    ['time of proof', () => lapse(1, 0, { at: Number.NaN })],
    ['now', () => valid([proofOf([H200])], host([gpu(0)]), at(Number.POSITIVE_INFINITY))],
    ['a rented time below zero', () => valid([proof({ gpus: [{ uuid: 'GPU-0', model: H200, rentedMs: -1 }] })], host([gpu(0)]), at())],
  ])('throws for a damaged record: %s', (_, judge) => expect(judge).toThrow(/no time in milliseconds/))
})

describe('which proof decides', () => {
  const both = host([gpu(0), gpu(1)])
  const counted = (proofs: Proof[], miner: StateMiner | null = both, development = false) =>
    valid(proofs, miner, at(NOW, development)).valid.map((c) => `${c.uuid} ${c.model}`)
  const [one, other] = ['GPU-0 NVIDIA H200', 'GPU-1 NVIDIA H200']

  it.each<[string, Proof[], string[]]>([
    ['none', [], []],
    ['the newest in which a card stands', [proofOf(['NVIDIA L4'], { at: NOW }), proofOf([H200, H200], { at: NOW - HOUR })], ['GPU-0 NVIDIA L4', other]],
    ['a failed one ends none', [failed(NOW), proofOf([H200, H200], { at: NOW - HOUR })], [one, other]],
    ['an invalid one ends all before it', [invalid(NOW), proofOf([H200, H200], { at: NOW - HOUR })], []],
    ['and nothing after it', [proofOf([H200], { at: NOW }), invalid(NOW - HOUR), proofOf([H200, H200], { at: NOW - 2 * HOUR })], [one]],
    ['failed after invalid mends nothing', [failed(NOW), invalid(NOW - HOUR), proofOf([H200], { at: NOW - 2 * HOUR })], []],
    ['a card twice in a proof is one card', [proof({ gpus: [H200, H200].map((model) => ({ uuid: 'GPU-0', model, rentedMs: 0 })) })], [one]],
    ['an old proof does not stand in for a newer one', [proofOf([H200], { at: NOW - 30 * HOUR }), proofOf([H200], { at: NOW - 31 * HOUR })], []],
  ])('%s', (_, proofs, wanted) => expect(counted(proofs)).toEqual(wanted))

  it('a card that another miner showed at the same moment is lost, until it is proved again', () => {
    const evidence = { proof: null, text: '', mismatch: false, measured: null, confidence: null, runnerUp: null, flags: [], bundle: null, lost: ['GPU-0'] }
    const before = proofOf(['NVIDIA H200', 'NVIDIA H200'], { at: NOW - 2 * HOUR })
    const losing = { ...failed(NOW - HOUR), evidence }
    const of = (proofs: Proof[]) => valid(proofs, host([gpu(0), gpu(1)]), { nowMs: NOW, development: false }).cards.map((c) => c.lapse)
    expect(of([losing, before])).toEqual(['lost', null])
    expect(of([proofOf(['NVIDIA H200']), losing, before])).toEqual([null, null])
    expect(of([failed(NOW), losing, before])).toEqual(['lost', null])
  })

  it('a card that the edge no longer shows is gone', () => {
    expect(counted([proofOf([H200, H200])], host([gpu(1)]))).toEqual([other])
    expect(counted([proofOf([H200])], null)).toEqual([])
  })

  it.each([
    ['the proof', [proofOf([H200], { simulated: true })], both],
    ['the card', [proofOf([H200])], host([gpu(0, { simulated: true })])],
    ['the miner', [proofOf([H200])], host([gpu(0)], { simulated: true })],
  ])('simulated by %s: counts in development only', (_, proofs, miner) => {
    expect(counted(proofs, miner)).toEqual([])
    expect(counted(proofs, miner, true)).toEqual([one])
  })
})

describe('what pays', () => {
  const catalog = readCatalog()
  /** How it went for one host between its proofs and now: for each proof, when it was and what came of it, and how much of each gap was rented. */
  const history = fc.array(
    fc.record({
      gapH: fc.integer({ min: 0, max: 80 }),
      rented: fc.double({ min: 0, max: 1, noNaN: true }),
      result: fc.constantFrom('valid', 'valid', 'failed'),
    }),
    { minLength: 1, maxLength: 4 },
  )
  type History = { gapH: number; rented: number; result: string }[]
  const START = NOW - 1000 * HOUR

  /** The same proofs and the same time, with this share of what was rented. Oldest first. */
  function scoreOf(steps: History, share: number): number {
    let [now, rentedMs] = [START, 0]
    const proofs: Proof[] = []
    for (const { gapH, rented, result } of steps) {
      proofs.unshift(result === 'valid' ? proof({ gpus: [{ uuid: 'GPU-0', model: H200, rentedMs }], at: now }) : failed(now))
      now += gapH * HOUR
      rentedMs += gapH * HOUR * rented * share
    }
    return scoreMiner(view([H200], { proofs, miner: host([gpu(0, { rented_ms: rentedMs })]) }), { nowMs: now, block: 1, development: false }, catalog).score
  }

  it('refusing rent never pays more than renting, nor renting less more than renting more', () => {
    fc.assert(
      fc.property(history, fc.double({ min: 0, max: 1, noNaN: true }), (steps, share) => {
        const [refused, some, all] = [scoreOf(steps, 0), scoreOf(steps, share), scoreOf(steps, 1)]
        expect(some).toBeGreaterThanOrEqual(refused)
        expect(all).toBeGreaterThanOrEqual(some)
      }),
      { numRuns: 500 },
    )
  })
  it.each([
    [1, 12.5],
    [100, 12.5],
    [168, 12.5],
    [169, 0], // the cap of 7 days: a rent so long outlives its proof
  ])('%i h of one rent, in which nothing can be proved, earn %d: beside who refuses and is proved anew', (h, score) => {
    expect(scoreOf([{ gapH: h, rented: 1, result: 'valid' }], 1)).toBe(score)
    const proved = [h, 0].map((gapH) => ({ gapH, rented: 0, result: 'valid' }))
    expect(scoreOf(proved, 0)).toBe(12.5)
  })
  it('and sometimes pays less, so that this can fail', () => {
    const steps = [{ gapH: 30, rented: 1, result: 'valid' }]
    expect([scoreOf(steps, 0), scoreOf(steps, 1)]).toEqual([0, 12.5])
  })
  it('a rented host that could not be proved loses nothing by it', () => {
    const steps: History = [{ gapH: 2, rented: 1, result: 'valid' }, ...[1, 2, 3].map(() => ({ gapH: 2, rented: 1, result: 'failed' }))]
    expect(scoreOf(steps, 1)).toBe(12.5)
    expect(scoreOf(steps, 0)).toBeLessThan(12.5)
  })

  it('renting an own fake earns nothing, however long', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('failed', 'invalid'), { maxLength: 4 }),
        fc.integer({ min: 0, max: 500 }),
        fc.boolean(),
        (results, hours, before) => {
          const proofs = results.map((result, i) => (result === 'failed' ? failed(NOW - i * HOUR) : invalid(NOW - i * HOUR)))
          // A real card stood in the host until the fake was found out.
          if (before && results.includes('invalid')) proofs.push(proofOf([H200], { at: NOW - 10 * HOUR }))
          const fake = host([gpu(0, { rented: true, rented_ms: hours * HOUR })])
          expect(scoreMiner(view([H200], { proofs, miner: fake }), { nowMs: NOW, block: 1, development: false }, catalog).score).toBe(0)
        },
      ),
    )
  })
  it('a rent hides no fake: another card under the same host is not the one that was proved', () => {
    const swapped = host([gpu(9, { rented: true, rented_ms: 5 * HOUR })])
    expect(scoreMiner(view([H200], { miner: swapped }), { nowMs: NOW, block: 1, development: false }, catalog).score).toBe(0)
  })
})
