import { describe, expect, it } from 'vitest'
import { MINER, NOW, ROUND, view } from '../../../test/support/scores.ts'
import type { Stat } from '../store/types.ts'
import { readCatalog } from '../../core/catalog.ts'
import { scoreMiner } from './score.ts'
import { summary } from './table.ts'
import type { MinerView } from './types.ts'

const catalog = readCatalog()
function stat(v: MinerView, o: Partial<Stat> = {}): Stat {
  const { own, ...rest } = scoreMiner(v, ROUND, catalog)
  return { hotkey: MINER, uid: 7, ...rest, ownScore: own, block: 100, at: NOW, ...o }
}
const EIGHT = Array.from({ length: 8 }, () => 'NVIDIA H200')

describe('the table of all miners', () => {
  const penalized = stat(view(EIGHT, { penalty: { hotkey: MINER, reason: 'x', from: 0, until: null } }), { uid: 12, allocated: true })
  const others = stat(view([], { peers: [{ validator: 'v', stake: 1n, score: 33.333, gpus: { model: 'NVIDIA L4', count: 1 }, atMs: NOW }] }), { uid: 3 })
  const lines = summary([penalized, others, stat(view([]), { uid: 255 }), stat(view(EIGHT, { miner: null }), { uid: 4 })]).split('\n')

  it('is framed as in the original', () => {
    expect([lines[0], lines[2], lines.at(-1)]).toEqual(Array.from({ length: 3 }, () => '-'.repeat(190)))
    expect(lines[1]).toBe(`${' '.repeat(85)}MINER STATS SUMMARY${' '.repeat(86)}`)
  })
  it("has the original's columns, by uid", () =>
    expect(lines.slice(3, -1)).toEqual([
      `| UID: 3    | Hotkey: ${MINER} | GPU: ${'1 x NVIDIA L4'.padEnd(36)} | Score: 33.33   | Allocated: no    | RelScore: 1.00  | Source: External  |`,
      `| UID: 4    | Hotkey: ${MINER} | GPU: ${'No GPUs'.padEnd(36)} | Score: 0.00    | Allocated: no    | RelScore: 1.00  | Source: Local     |`,
      `| UID: 12   | Hotkey: ${MINER} | GPU: ${'8 x NVIDIA H200'.padEnd(36)} | Score: 0.00    | Allocated: yes   | RelScore: 1.00  | Source: Local     |`,
      `| UID: 255  | Hotkey: ${MINER} | GPU: ${'N/A'.padEnd(36)} | Score: 0.00    | Allocated: no    | RelScore: 1.00  | Source: Local     |`,
    ]))
  it('a line is as long as the rules, whatever a card is called', () => {
    const long = stat(view(['NVIDIA \u001b[2J\n' + 'x'.repeat(60)]), { uid: 5 })
    const all = summary([long, penalized]).split('\n')
    expect(all.map((line) => line.length)).toEqual(all.map(() => 190))
    expect(all[3]).toContain('1 x NVIDIA ?[2J xxxxxx')
  })
  it('no miners', () => expect(summary([]).split('\n')).toHaveLength(4))
})
