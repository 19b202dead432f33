import { describe, expect, it } from 'vitest'
import { SCORE_STALE_MS } from '../../../schema/index.ts'
import type { Filtered, MinerView, Scored } from '../score/types.ts'
import type { Penalty, Stat } from '../store/types.ts'
import { scoreAll } from './round.ts'

const NOW = 10 * SCORE_STALE_MS
const view = (hotkey: string, uid: number, { why = null, penalty = null }: { why?: string | null; penalty?: Penalty | null } = {}): MinerView => {
  const filtered: Filtered = { uid, hotkey, excluded: why === null ? null : 'hotkey_blacklisted', why, shares: [] }
  return { neuron: { uid, hotkey, coldkey: 'c' }, filtered, miner: null, proofs: [], liveness: { attempts: 0, successes: 0 }, penalty, peers: [] }
}
const scored: Scored = {
  score: 100,
  gpus: { model: 'NVIDIA H200', count: 8 },
  own: true,
  reliability: 1,
  allocated: false,
  factors: { factors: [], note: null },
}
const stat = (at: number): Stat => ({ ...scored, score: 42, hotkey: 'bad', uid: 9, ownScore: true, block: 7, at })
const score = ({ neuron }: MinerView): Scored => {
  if (neuron.hotkey === 'bad') throw new Error('a broken record')
  return scored
}
const round = (before: Stat[], bad = view('bad', 1)) =>
  scoreAll({ views: [view('good', 0), bad], before: new Map(before.map((s) => [s.hotkey, s])), block: 500, nowMs: NOW, score })

describe('a round in which one score cannot be computed', () => {
  it('keeps the last, with its own age, and says why', () => {
    const { rows, unscored } = round([stat(NOW - SCORE_STALE_MS)])
    expect(rows[0]).toMatchObject({ hotkey: 'good', score: 100, ownScore: true, block: 500, at: NOW })
    expect(rows[1]).toMatchObject({ hotkey: 'bad', uid: 1, score: 42, block: 7, at: NOW - SCORE_STALE_MS })
    expect(rows[1]?.factors.note).toMatch(/^kept from .*could not be computed since \(a broken record\)$/)
    expect(unscored).toMatchObject([{ hotkey: 'bad', kept: true }])
  })

  it('ends it when it is too old, and says that too', () => {
    const { rows, unscored } = round([stat(NOW - SCORE_STALE_MS - 1)])
    expect(rows[1]).toMatchObject({ score: 0, gpus: null, ownScore: false, at: NOW - SCORE_STALE_MS - 1 })
    expect(rows[1]?.factors.note).toMatch(/^none: .*\(a broken record\)/)
    expect(unscored).toMatchObject([{ kept: false }])
  })

  it.each([
    ['whoever is left out meanwhile', view('bad', 1, { why: 'on the black-list' }), /^none: on the black-list; .*\(a broken record\)/],
    ['whoever is punished meanwhile', view('bad', 1, { penalty: { hotkey: 'bad', reason: 'cheated', from: 0, until: null } }), /^none: cheated; /],
  ])('keeps none for %s', (_, bad, note) => {
    const { rows, unscored } = round([stat(NOW)], bad)
    expect(rows[1]).toMatchObject({ score: 0, gpus: null, ownScore: false })
    expect(rows[1]?.factors.note).toMatch(note)
    expect(unscored).toMatchObject([{ kept: false }])
  })

  it('makes none up where there was none', () => {
    const { rows, unscored } = round([])
    expect(rows.map((r) => r.hotkey)).toEqual(['good'])
    expect(unscored).toMatchObject([{ hotkey: 'bad', kept: false }])
  })
})
