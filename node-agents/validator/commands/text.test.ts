import { describe, expect, it, test } from 'vitest'
import { Mistake } from '../../core/mistake.ts'
import type { ExplainAnswer, MinersAnswer, WeightsAnswer } from '../operator/answers.ts'
import { duration } from './duration.ts'
import { explainText } from './explain-text.ts'
import { matrixText } from './matrix-text.ts'
import { countsOf, minersText } from './miners-text.ts'
import { pardonedText } from './pardon.ts'
import { penalizedText } from './penalize.ts'
import { weightsText } from './weights-text.ts'

const AT = '2026-01-02T12:00:00.000Z'
const NOW = Date.parse(AT)
const before = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString()
/** What a hostile miner may call a card, or say as a reason. */
const EVIL = '\u001b[2J\u001b]0;owned\u0007\u202eH200\r\n\u009b31m'
// The characters that may be on a terminal: printable ones, and the line ends of the layout.
const printable = (text: string) => text.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g)

type Miner = MinersAnswer['miners'][number]
const miner = (uid: number, change: Partial<Miner> = {}): Miner => ({
  uid,
  hotkey: `5Hotkey${uid}`,
  excluded: null,
  why: null,
  shares: [],
  score: 100,
  gpus: { model: 'NVIDIA H200', count: 8 },
  own: true,
  reliability: 1,
  allocated: false,
  note: null,
  scored_at: AT,
  penalty: null,
  ...change,
})
const unscored = { score: null, gpus: null, own: false, reliability: null, scored_at: null }
const miners = (...list: Miner[]): MinersAnswer => ({ version: '1', block: 400, miners: list })

describe('duration', () => {
  test.each<[string, number | null]>([
    ['1m', 60_000],
    ['90m', 5_400_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['366d', 366 * 86_400_000],
    ['forever', null],
  ])('%s', (text, ms) => expect(duration(text)).toBe(ms))

  test.each(['', '0h', '24', 'h', '-1h', '1.5h', '1w', '367d', '999999d', ' 1h', '1h ', 'Forever', '1e3h'])('%j is refused with the fix', (text) =>
    expect(() => duration(text)).toThrow(
      new Mistake(`--for cannot be ${JSON.stringify(text)}: minutes, hours or days up to a year, such as 90m, 24h or 7d, or forever`),
    ),
  )
})

describe('miners', () => {
  it('lists them by what they are worth, and counts why some are left out', () => {
    const list = miners(
      miner(0, { ...unscored, excluded: 'own', why: 'this validator' }),
      miner(1, { allocated: true, shares: [4] }),
      miner(2, { ...unscored, excluded: 'outdated', why: 'version 100' }),
      miner(3, { score: 0, penalty: { reason: 'fakes', from: before(60), until: new Date(NOW + 7200_000).toISOString() } }),
      miner(4, { own: false, score: 41.25, gpus: { model: 'NVIDIA L4', count: 1 }, shares: [1], note: 'kept' }),
      miner(5, { ...unscored, excluded: 'outdated', why: 'version 101' }),
    )
    expect(countsOf(list)).toEqual({ own: 1, outdated: 2 })
    expect(minersText(list, list.miners, NOW).split('\n')).toEqual([
      'UID  HOTKEY    SCORE   CARDS            SOURCE  STANDING',
      '0    5Hotkey0  -       -                -       left out, own: this validator',
      '1    5Hotkey1  100.00  8 x NVIDIA H200  own     rented; same address as 1 other (uid 4)',
      '2    5Hotkey2  -       -                -       left out, outdated: version 100',
      '3    5Hotkey3  0.00    8 x NVIDIA H200  own     penalized, ends in 2 h: fakes',
      '4    5Hotkey4  41.25   1 x NVIDIA L4    others  kept; same address as 1 other (uid 1)',
      '5    5Hotkey5  -       -                -       left out, outdated: version 101',
      '',
      'block 400: 6 on the subnet, 3 queryable, 3 left out (1 own, 2 outdated)',
    ])
    expect(minersText(list, [], NOW)).toBe('block 400: 6 on the subnet, 3 queryable, 3 left out (1 own, 2 outdated)')
  })

  it('lets no text of a miner drive the terminal', () => {
    const list = miners(miner(1, { gpus: { model: EVIL, count: 1 }, note: EVIL, penalty: { reason: EVIL, from: AT, until: null } }))
    expect(printable(minersText(list, list.miners, NOW))).toBeNull()
    expect(minersText(list, list.miners, NOW).split('\n'), 'and adds no lines').toHaveLength(4)
  })
})

const explained = (change: Partial<ExplainAnswer> = {}): ExplainAnswer => ({
  version: '1',
  block: 400,
  at: AT,
  uid: 3,
  hotkey: '5Miner',
  coldkey: '5Cold',
  address: '203.0.113.7:8091',
  excluded: null,
  why: null,
  shares: [],
  stat: {
    score: 87.5,
    gpus: { model: 'NVIDIA H100', count: 8 },
    own: true,
    reliability: 0.9375,
    allocated: true,
    factors: [
      { name: 'catalog', value: 2.8, from: 'NVIDIA H100, catalogue of 2026-01-01' },
      { name: 'cards', value: 8, from: '8 proved' },
      { name: 'scale', value: 3.125, from: '8 of the best make 100' },
    ],
    note: null,
    block: 400,
    at: before(2),
  },
  edge: {
    online: 'online',
    available: true,
    version: '1.9.0',
    simulated: false,
    gpus: [
      { model: 'NVIDIA H100', rented: true },
      { model: 'NVIDIA H100', rented: false },
    ],
    asked_at: before(3),
  },
  proofs: [{ at: before(60), block: 100, result: 'valid', reason: null, simulated: false, duration_ms: 12_345, gpus: ['NVIDIA H100', 'NVIDIA H100'] }],
  cards: [{ uuid: 'GPU-1', model: 'NVIDIA H100', proved_at: before(60), age_ms: 3600_000, unrented_ms: 1200_000, lapse: null }],
  cards_trouble: null,
  liveness: { attempts: 60, successes: 59 },
  penalty: null,
  peers: [{ validator: '5Other', stake: '2000000000000', score: 80, gpus: { model: 'NVIDIA H100', count: 8 }, at: before(10) }],
  weight: { cycle: { id: 7, state: 'confirmed', reason: null }, wanted: 0.125, found: 0.125, trouble: null },
  ...change,
})

describe('explain', () => {
  it('shows every factor and where it came from', () => {
    expect(explainText(explained()).split('\n')).toEqual([
      'miner      uid 3, 5Miner (coldkey 5Cold)',
      'filter     queryable at 203.0.113.7:8091',
      'score      87.50 of 100: 8 x NVIDIA H100, by own proofs, rented (2 min ago)',
      '     FACTOR   VALUE  FROM',
      '     catalog  2.8    NVIDIA H100, catalogue of 2026-01-01',
      '  x  cards    8      8 proved',
      '  x  scale    3.125  8 of the best make 100',
      'penalty    none',
      'edge       online, takes rentals, version 1.9.0, 2 cards, 1 rented (asked 3 min ago)',
      'liveness   59 of 60 challenges answered',
      'proofs',
      '  WHEN        BLOCK  RESULT  CARDS            TOOK    WHY',
      '  60 min ago  100    valid   2 x NVIDIA H100  12.3 s',
      'cards',
      '  UUID   MODEL        PROVED      UNRENTED SINCE  RENTED SINCE  COUNTS',
      '  GPU-1  NVIDIA H100  60 min ago  20 min          40 min        yes',
      'others',
      '  VALIDATOR  STAKE  SCORE  CARDS            WHEN',
      '  5Other     2000   80.00  8 x NVIDIA H100  10 min ago',
      'weight     12.50 % by cycle 7 (confirmed); on chain 12.50 %',
    ])
  })

  test.each<[string, Partial<ExplainAnswer>, RegExp]>([
    ['left out', { excluded: 'outdated', why: 'version 100 of 183' }, /^filter {5}LEFT OUT, outdated: version 100 of 183$/m],
    ['an address of two', { shares: [4, 9] }, /; the same address as uid 4, 9, which decides nothing by itself$/m],
    ['no score yet', { stat: null }, /^score {6}none yet/m],
    ['penalized', { penalty: { reason: 'fakes', from: AT, until: null } }, /^penalty {4}SINCE 2026-01-02T12:00:00.000Z, until it is pardoned: fakes$/m],
    ['not at the edge', { edge: null }, /^edge {7}the edge does not know this hotkey/m],
    ['no proofs', { proofs: [], cards: [] }, /^proofs {5}none yet\ncards {6}none is proved$/m],
    ['an old proof', { cards: explained().cards.map((c) => ({ ...c, lapse: 'aged' as const })) }, /no: not rented for too long since its proof$/m],
    ['a damaged record', { cards: [], cards_trouble: 'NaN is no time' }, /^cards {6}NaN is no time$/m],
    ['no challenges', { liveness: { attempts: 0, successes: 0 } }, /^liveness {3}no challenge yet$/m],
    ['nobody else', { peers: [] }, /^others {5}no number of another validator counts$/m],
    ['no weights', { weight: { cycle: null, wanted: null, found: 0, trouble: null } }, /^weight {5}none was set yet; on chain 0.00 %$/m],
    [
      'weights of who was there before',
      { weight: { cycle: { id: 7, state: 'lost', reason: 'never revealed' }, wanted: null, found: null, trouble: 'away' } },
      /^weight {5}none, its uid was another hotkey’s when they were planned, by cycle 7 \(lost: never revealed\); on chain CANNOT BE READ: away$/m,
    ],
  ])('says %s', (_, change, wanted) => expect(explainText(explained(change))).toMatch(wanted))

  it('lets no text of a miner drive the terminal or add lines', () => {
    const { stat, edge, proofs, cards } = explained()
    const evil = explained({
      why: EVIL,
      excluded: 'outdated',
      stat: stat && { ...stat, gpus: { model: EVIL, count: 1 }, note: EVIL, factors: [{ name: 'catalog', value: 1, from: EVIL }] },
      edge: edge && { ...edge, version: EVIL, gpus: [{ model: EVIL, rented: false }] },
      proofs: proofs.map((p) => ({ ...p, reason: EVIL, gpus: [EVIL] })),
      cards: cards.map((c) => ({ ...c, uuid: EVIL, model: EVIL })),
      penalty: { reason: EVIL, from: AT, until: null },
      weight: { cycle: { id: 1, state: 'refused', reason: EVIL }, wanted: 0, found: null, trouble: EVIL },
    })
    expect(printable(explainText(evil))).toBeNull()
    expect(explainText(evil).split('\n')).toHaveLength(19)
  })
})

const weights = (change: Partial<WeightsAnswer> = {}): WeightsAnswer => ({
  version: '1',
  hotkey: '5Own',
  uid: 1,
  block: 400,
  due_block: 450,
  trouble: null,
  cycles: [
    { id: 7, mode: 'plain', state: 'confirmed', uids: 2, planned_block: 350, included_block: 351, reveal_block: null, read_block: 355, read_at: before(5), attempts: 1, reason: null, at: before(10) }, // prettier-ignore
    { id: 6, mode: 'plain', state: 'refused', uids: 2, planned_block: 250, included_block: null, reveal_block: null, read_block: null, read_at: null, attempts: 3, reason: 'too fast', at: before(30) }, // prettier-ignore
  ],
  rows: [
    { uid: 2, hotkey: '5Two', wanted: 0.75, found: 0.75 },
    { uid: 3, hotkey: '5Three', wanted: 0.25, found: 0.249_98 },
  ],
  of_cycle: 7,
  chain_trouble: null,
  matrix: null,
  ...change,
})

describe('weights show', () => {
  it('shows the cycles, and what was wanted beside what stands there', () => {
    expect(weightsText(weights(), NOW).split('\n')).toEqual([
      'validator  5Own, uid 1',
      'weights    cycle 7 is confirmed',
      'next       due at block 450, in 50 blocks',
      '',
      'CYCLE  WHEN        MODE   STATE      UIDS  PLANNED  INCLUDED  REVEAL  READ  TRIES  WHY',
      '7      10 min ago  plain  confirmed  2     350      351       -       355   1',
      '6      30 min ago  plain  refused    2     250      -         -       -     3      too fast',
      '',
      'UID  HOTKEY  WANTED BY 7  ON CHAIN',
      '2    5Two    75.00 %      75.00 %',
      '3    5Three  25.00 %      25.00 %',
    ])
  })

  test.each<[string, Partial<WeightsAnswer>, RegExp]>([
    ['what differs', { rows: [{ uid: 2, hotkey: '5Two', wanted: 0.75, found: 0.5 }] }, /^2 +5Two +75.00 % +50.00 % +DIFFERS$/m],
    [
      'a chain that is away',
      { chain_trouble: 'gone', rows: [{ uid: 2, hotkey: null, wanted: 1, found: null }] },
      /CANNOT BE READ NOW: gone\n[^]*^2 +- +100.00 % +\?$/m,
    ],
    [
      'what is still to come',
      { cycles: weights().cycles.map((c) => ({ ...c, state: 'included' })), rows: [{ uid: 2, hotkey: '5Two', wanted: 0.75, found: 0.5 }] },
      /^next {7}once cycle 7 is over$[^]*50.00 % +not yet$/m,
    ],
    ['trouble', { trouble: 'no permit' }, /^trouble {4}no permit$/m],
    ['that they are due', { due_block: 400 }, /due at block 400, now$/m],
    ['that none were set', { cycles: [], rows: [], of_cycle: null, due_block: null }, /^weights {4}none were set yet\nnext {7}not known yet$/m],
    ['who is not on the subnet', { uid: null }, /^validator {2}5Own, NOT ON THE SUBNET$/m],
  ])('says %s', (_, change, wanted) => expect(weightsText(weights(change), NOW)).toMatch(wanted))
})

describe('the matrix', () => {
  it('aligns the rows of all validators', () => {
    const matrix = [
      { uid: 1, hotkey: '5Own56789', weights: [[2, 3], [3, 1]] as [number, number][] }, // prettier-ignore
      { uid: 9, hotkey: null, weights: [[10, 65_535]] as [number, number][] },
    ]
    expect(matrixText({ uid: 1, matrix }).split('\n')).toEqual([
      'FROM  HOTKEY     2     3     10',
      '1*    5Own5678…  75.0  25.0  .',
      '9     -          .     .     100.0',
      '* is this validator; percent of each row',
    ])
  })

  it('is cut to a screen, and says so', () => {
    const row = Array.from({ length: 256 }, (_, uid): [number, number] => [uid, uid === 200 ? 65_535 : uid + 1])
    const lines = matrixText({ uid: 0, matrix: Array.from({ length: 64 }, (_, uid) => ({ uid, hotkey: '5'.repeat(48), weights: row })) }).split('\n')
    expect(lines).toHaveLength(1 + 32 + 1)
    expect(Math.max(...lines.slice(0, -1).map((l) => l.length))).toBeLessThanOrEqual(120)
    expect(lines[0]).toMatch(/ 200 .*244 OTHERS$/)
    expect(lines.at(-1)).toBe('* is this validator; percent of each row; 244 uids with less are summed up; 32 more rows left out; --json shows all')
  })

  it('says that there is none', () => expect(matrixText({ uid: 0, matrix: [] })).toBe('nobody has set weights on this subnet yet'))
})

describe('penalties', () => {
  const penalty = { reason: 'fakes', from: AT, until: '2026-01-03T12:00:00.000Z' }

  it('are told with what was before', () => {
    const text = penalizedText({ version: '1', hotkey: '5Miner', uid: 3, now: { ...penalty, until: null }, before: penalty })
    expect(text).toMatch(
      /^uid 3, 5Miner, is penalized until it is pardoned: fakes\nit was penalized already, since \S+, until 2026-01-03T12:00:00.000Z: fakes\n/,
    )
    expect(pardonedText({ version: '1', hotkey: '5Miner', uid: null, before: penalty })).toMatch(/^5Miner is pardoned; it was penalized since \S+: fakes\n/)
    expect(pardonedText({ version: '1', hotkey: '5Miner', uid: 3, before: null })).toBe('uid 3, 5Miner, is not penalized: there is nothing to pardon')
  })
})
