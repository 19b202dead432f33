import { describe, expect, it } from 'vitest'
import type { WeightsAnswer } from '../../node-agents/validator/operator/answers.ts'
import { nextBlock, shownIn } from './weights.ts'

type Cycle = WeightsAnswer['cycles'][number]
type Row = WeightsAnswer['rows'][number]

const cycle = (change: Partial<Cycle> = {}): Cycle => ({
  id: 1,
  mode: 'timelocked',
  state: 'confirmed',
  uids: 2,
  planned_block: 100,
  included_block: 101,
  reveal_block: 720,
  read_block: 722,
  read_at: new Date(0).toISOString(),
  attempts: 1,
  reason: null,
  at: new Date(0).toISOString(),
  ...change,
})
const row = (uid: number, found: number | null): Row => ({ uid, hotkey: `miner ${uid}`, wanted: 0.5, found })
const MINERS = ['miner 2', 'miner 3']
const BOTH = [row(2, 0.5), row(3, 0.5)]

const cases: [string, Cycle[], Row[], ReturnType<typeof shownIn>][] = [
  ['nothing was set yet', [], [], null],
  ['what was read back has all of them', [cycle()], BOTH, { block: 722, uids: [2, 3] }],
  ['… and who burns', [cycle({ uids: 3 })], [row(0, 0.2), row(2, 0.4), row(3, 0.4)], { block: 722, uids: [0, 2, 3] }],
  ['the next are under way', [cycle({ state: 'included' }), cycle()], BOTH, { block: 722, uids: [2, 3] }],
  ['what is there was not read back yet', [cycle({ state: 'included' }), cycle({ uids: 1 })], BOTH, null],
  ['committed is not shown', [cycle({ state: 'included', read_block: null })], BOTH, null],
  ['others stand there', [cycle({ state: 'different' })], BOTH, null],
  ['one of them has none', [cycle()], [row(2, 1), row(3, 0)], null],
  ['one of them is missing', [cycle()], [row(2, 1)], null],
  ['the chain could not be read', [cycle()], [row(2, null), row(3, null)], null],
]

describe('weights are there', () => {
  it.each(cases)('%s', (_, cycles, rows, shown) => expect(shownIn({ cycles, rows }, MINERS)).toEqual(shown))
})

const next: [string, number | null, Cycle[], number | null][] = [
  ['nothing is known yet', null, [], null],
  ['where the first are due', 105, [], 105],
  ['where the next are due', 205, [cycle()], 205],
  ['what is being sent is waited for', 105, [cycle({ state: 'sending' })], null],
  ['… and what is about to be', 105, [cycle({ state: 'planned' })], null],
  ['a block after the reveal', 105, [cycle({ state: 'included' })], 721],
  ['a reveal that is not known yet', 105, [cycle({ state: 'included', reveal_block: null })], null],
]

describe('the block to go on to', () => {
  it.each(next)('%s', (_, due_block, cycles, block) => expect(nextBlock({ due_block, cycles })).toBe(block))
})
