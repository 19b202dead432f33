import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeOf } from './drand.ts'
import { blocksUntilEpoch, firstReveal, nextEpoch, revealRound, shouldRun } from './epochs.ts'
import type { EpochState } from './types.ts'

const BASE: EpochState = {
  at: 1000,
  netuid: 27,
  tempo: 360,
  lastEpochBlock: 900,
  pendingEpochAt: 0,
  epochIndex: 7,
  blocksSinceLastStep: 100,
  revealPeriodEpochs: 1,
}
const state = (over: Partial<EpochState> = {}): EpochState => ({ ...BASE, ...over })
const old = (over: Partial<EpochState> = {}): EpochState => state({ lastEpochBlock: null, pendingEpochAt: null, epochIndex: null, ...over })

describe('when an epoch runs', () => {
  it.each([
    ['the tempo has gone by', state(), 1260],
    ['the tempo has long gone by (a deferred epoch)', state({ lastEpochBlock: 100 }), 1001],
    ['the owner asked for one sooner', state({ pendingEpochAt: 1010 }), 1010],
    ['the owner asked for one later than the schedule', state({ pendingEpochAt: 2000 }), 1260],
    ['one was put off to a block that is past', state({ pendingEpochAt: 990 }), 1001],
    ['no step for 50,400 blocks', state({ tempo: 60_000, blocksSinceLastStep: 50_300 }), 1101],
    ['tempo 0: never', state({ tempo: 0 }), null],
    ['an old runtime goes by the block number', old(), 1055],
    ['an old runtime, the very next block', old({ at: 1054 }), 1055],
    ['an old runtime, just after one', old({ at: 1055 }), 1416],
    ['an old runtime, tempo 0: never', old({ tempo: 0 }), null],
  ])('%s', (_, s, block) => {
    expect(nextEpoch(s)).toBe(block)
    expect(blocksUntilEpoch(s)).toBe(block === null ? null : block - s.at)
  })

  it('knows an overdue one only after 50,400 blocks', () => {
    expect(shouldRun(state({ blocksSinceLastStep: 50_400, lastEpochBlock: 1000 }), 1001)).toBe(false)
    expect(shouldRun(state({ blocksSinceLastStep: 50_401, lastEpochBlock: 1000 }), 1001)).toBe(true)
  })
})

describe('when a commit is revealed', () => {
  it.each([
    ['in the next epoch', state(), 1260],
    ['three epochs on', state({ revealPeriodEpochs: 3 }), 1980],
    ['committed in the block that runs an epoch: one tempo later', state({ at: 1259 }), 1620],
    ['by an epoch the owner asked for', state({ pendingEpochAt: 1010, revealPeriodEpochs: 2 }), 1370],
    ['never with tempo 0', state({ tempo: 0 }), null],
    ['old runtime', old(), 1055],
    ['old runtime, in the block of an epoch', old({ at: 1054 }), 1416],
    ['old runtime, two epochs on', old({ revealPeriodEpochs: 2 }), 1416],
    ['old runtime, tempo 0', old({ tempo: 0 }), null],
  ])('%s', (_, s, block) => {
    expect(firstReveal(s)).toBe(block)
  })

  it('waits for a round that comes out three blocks after the reveal is due, rounded down', () => {
    const nowS = 1_800_000_001
    const { round, revealBlock } = revealRound(state(), nowS, 12)
    expect(revealBlock).toBe(1263)
    expect(round).toBe(Math.floor((nowS + 263 * 12 - 1_692_803_367) / 3))
    const due = nowS + 260 * 12
    expect(timeOf(round) / 1000).toBeGreaterThan(due)
    expect(timeOf(round) / 1000).toBeLessThanOrEqual(due + 36)
  })

  it('has no round before the first, and none where no epoch runs', () => {
    expect(revealRound(state(), 0, 12).round).toBe(1)
    expect(() => revealRound(state({ tempo: 0 }), 0, 12)).toThrow(/tempo 0/)
  })
})

/** The chain, block by block, in its own order: reveal, count, run, then transactions. */
class Chain {
  last: number
  pending: number
  index: number
  since: number
  readonly #of: EpochState
  constructor(s: EpochState) {
    this.#of = s
    this.last = s.lastEpochBlock ?? 0
    this.pending = s.pendingEpochAt ?? 0
    this.index = s.epochIndex ?? 0
    this.since = s.blocksSinceLastStep
  }
  due(block: number): boolean {
    const { tempo } = this.#of
    if (tempo === 0) return false
    if (this.#of.lastEpochBlock === null) return (block + this.#of.netuid + 1) % (tempo + 1) === 0
    return (this.pending > 0 && block >= this.pending) || this.since > 50_400 || Math.max(0, block - this.last) >= tempo
  }
  /** The epoch that reveals and transactions of this block see. */
  epoch(block: number): number {
    return this.index + (this.due(block) ? 1 : 0)
  }
  step(block: number): boolean {
    this.since++
    if (!this.due(block)) return false
    this.last = block
    this.pending = 0
    this.index++
    this.since = 0
    return true
  }
}

const AT = 100_000
const arbitrary = fc
  .record({
    netuid: fc.integer({ min: 0, max: 128 }),
    tempo: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 800 })),
    gone: fc.integer({ min: 0, max: 900 }),
    pending: fc.option(fc.integer({ min: -20, max: 900 })),
    blocksSinceLastStep: fc.oneof(fc.integer({ min: 0, max: 900 }), fc.integer({ min: 50_000, max: 50_405 })),
    epochIndex: fc.integer({ min: 0, max: 1000 }),
    revealPeriodEpochs: fc.integer({ min: 1, max: 5 }),
    stateful: fc.boolean(),
  })
  .map(({ gone, pending, stateful, ...s }): EpochState => {
    const stored = { ...s, at: AT, lastEpochBlock: AT - gone, pendingEpochAt: pending === null ? 0 : AT + pending }
    return stateful ? stored : { ...stored, lastEpochBlock: null, pendingEpochAt: null, epochIndex: null }
  })

describe('the closed forms, against the chain block by block', () => {
  it('agree on the next epoch', () => {
    fc.assert(
      fc.property(arbitrary, (s) => {
        const chain = new Chain(s)
        let block = AT + 1
        while (!chain.step(block)) block++
        expect(nextEpoch(s)).toBe(block)
      }),
      { numRuns: 500 },
    )
  })

  it('agree on the block of the reveal', () => {
    fc.assert(
      fc.property(arbitrary, (s) => {
        const chain = new Chain(s)
        chain.step(AT + 1)
        // After the block's own epoch ran, a further one is due only where the chain deferred it, which nobody foresees.
        const wanted = chain.index + s.revealPeriodEpochs
        let block = AT + 2
        for (; chain.epoch(block) !== wanted; block++) chain.step(block)
        expect(firstReveal(s)).toBe(block)
      }),
      { numRuns: 300 },
    )
  })
})
