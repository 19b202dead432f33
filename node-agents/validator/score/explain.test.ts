import { describe, expect, it } from 'vitest'
import { failed, HOUR, MINER, NOW, proofOf, ROUND, view } from '../../../test/support/scores.ts'
import type { Stat } from '../store/types.ts'
import { readCatalog } from './catalog.ts'
import { explain, type Explained } from './explain.ts'
import { scoreMiner } from './score.ts'
import { summary } from './table.ts'
import type { MinerView } from './types.ts'

const catalog = readCatalog()
function stat(v: MinerView, o: Partial<Stat> = {}): Stat {
  const { own, ...rest } = scoreMiner(v, ROUND, catalog)
  return { hotkey: MINER, uid: 7, ...rest, ownScore: own, block: 100, at: NOW, ...o }
}
const EIGHT = Array.from({ length: 8 }, () => 'NVIDIA H200')

describe('how a score is explained', () => {
  const proofs = [failed(NOW - HOUR, 'no answer within 30 s'), proofOf(EIGHT, { at: NOW - 2 * HOUR })]
  const seen = view(EIGHT, { proofs, liveness: { attempts: 60, successes: 57 } })
  const all: Explained = {
    hotkey: MINER,
    stat: stat(seen, { at: NOW - 6 * 60_000 }),
    filtered: { ...seen.filtered, uid: 7, shares: [3, 9] },
    penalty: null,
    proofs,
    liveness: seen.liveness,
    nowMs: NOW,
  }

  it('says everything', () =>
    expect(explain(all).split('\n')).toEqual([
      `hotkey:       ${MINER} (uid 7)`,
      'score:        92.5 of 100',
      'from:         block 100, 0.1 h ago',
      'cards:        8 x NVIDIA H200',
      'rented:       no',
      'left out:     no',
      'same address: uid 3, 9 (decides nothing)',
      'liveness:     57 of the last 60 challenges answered in time',
      '',
      'score = product of',
      '  catalog             4  points of NVIDIA H200: 4, catalogue of 2026-11-21',
      '  cards               8  8 x NVIDIA H200 proved',
      '  scale           3.125  8 of the best card (4 points each) are 100',
      '  proof_age           1  last proved 2.0 h ago; oldest proof: 2.0 h not rented of 24 h, 2.0 h in all of 168 h',
      '  reliability     0.925  1 of 4 points for failed proofs, 3 of 60 challenges missed',
      '',
      'proofs, newest first',
      '     1.0 h ago  failed   no answer within 30 s',
      '     2.0 h ago  valid    8 x NVIDIA H200',
    ]))

  it('penalty, exclusion and note', () => {
    const penalty = { hotkey: MINER, reason: 'two wrong proofs', from: NOW, until: NOW + HOUR }
    const filtered = { ...seen.filtered, excluded: 'no_address' as const, why: 'it announces no address on chain' }
    const text = explain({
      ...all,
      stat: stat({ ...seen, penalty, filtered }, { factors: { factors: [], note: 'kept: the disk is full' } }),
      penalty,
      filtered,
    })
    expect(text).toContain('penalty:  two wrong proofs, since 2027-01-15T08:00:00.000Z, until 2027-01-15T09:00:00.000Z')
    expect(text).toContain('left out: no_address: it announces no address on chain')
    expect(text).toContain('note:     kept: the disk is full')
  })
  it('of whom nothing is known', () =>
    expect(explain({ ...all, stat: null, filtered: null, proofs: [], liveness: { attempts: 0, successes: 0 } })).toBe(
      [
        `hotkey:   ${MINER} (not on the subnet)`,
        'score:    none yet: it is given with the next round of scores',
        'liveness: never challenged',
        '',
        'proofs: none',
      ].join('\n'),
    ))
  it('what a miner says of itself does not drive the terminal', () => {
    const evil = 'NVIDIA \u001b[2J\nscore: 100'
    const seen = view([evil], { proofs: [failed(NOW, 'x\r\u001b[31m\ny'), proofOf([evil])] })
    const text = explain({ ...all, stat: stat(seen), proofs: seen.proofs })
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u001b\r]|^score: 100$/m)
  })
})

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
    const long = stat(view(['NVIDIA \u001b[2J\n' + 'x'.repeat(60)]), { uid: 65_535 })
    const all = summary([long, penalized]).split('\n')
    expect(all.slice(0, 4).map((line) => line.length)).toEqual([190, 190, 190, 190])
    expect(all[4]).toContain('1 x NVIDIA ?[2J xxxxxx')
  })
  it('no miners', () => expect(summary([]).split('\n')).toHaveLength(4))
})
