import { describe, expect, test } from 'vitest'
import type { Cycle } from '../store/types.ts'
import { barred, decide, dueBlock, judge, LIFE_BLOCKS, modeOf, type Step, strange, type Trace } from './decide.ts'
import type { Look } from './look.ts'

const OPEN = { minAllowedWeights: 1, maxWeightsLimit: 65_535, weightsVersionKey: 0n }
const LIMITS = { ...OPEN, weightsRateLimit: 100, tempo: 360, commitRevealEnabled: false, commitRevealVersion: 4 } as Look['limits']
const look = (head: number, change: Partial<Look> = {}): Look => ({
  head: { number: head, hash: '0x1' },
  finalized: { number: head - 2, hash: '0x2' },
  own: { uid: 1, validatorPermit: true, registeredAt: 5 },
  hotkeys: ['owner', 'us', 'miner'],
  limits: LIMITS,
  lastUpdate: 900,
  ...change,
})
const cycle = (state: Cycle['state'], change: Partial<Cycle> = {}): Cycle => ({
  id: 1,
  hotkey: 'us',
  netuid: 27,
  mechanism: 0,
  mode: 'plain',
  state,
  uids: [2],
  hotkeys: ['miner'],
  values: [65_535],
  versionKey: '183',
  salt: null,

  plannedBlock: 1000,
  deadBlock: null,
  includedBlock: null,
  round: null,
  revealBlock: null,
  readBlock: null,
  readAt: null,
  attempts: 1,
  reason: null,
  at: 0,
  ...change,
})
const limits = (change: Partial<Look['limits']>) => ({ limits: { ...LIMITS, ...change } })
const wait = (until: number): Step => ({ do: 'wait', until })
const becomes = (state: Cycle['state'], reason = '') => ({
  do: 'change',
  change: expect.objectContaining({ state, ...(reason && { reason: expect.stringContaining(reason) as string }) }) as object,
})

describe('what comes next', () => {
  const sending = cycle('sending', { deadBlock: 1114 })
  const included = cycle('included', { includedBlock: 1001 })
  const committed = cycle('included', { mode: 'timelocked', includedBlock: 1001, revealBlock: 1300 })
  const hash = cycle('included', { mode: 'hash', includedBlock: 1001, revealBlock: 1300 })
  const revealing = cycle('revealing', { mode: 'hash', includedBlock: 1001, revealBlock: 1301, deadBlock: 1305 })
  const nobody = { own: null }
  const anew = { own: { uid: 7, validatorPermit: true, registeredAt: 1050 }, lastUpdate: 1050 }

  test.each<[string, Cycle, Look, unknown]>([
    ['planned', cycle('planned', { attempts: 0 }), look(1000), { do: 'send', deadBlock: 1000 + LIFE_BLOCKS }],
    ['planned, and the limit was raised', cycle('planned'), look(1000, limits({ weightsRateLimit: 300 })), wait(1200)],
    ['planned long ago', cycle('planned'), look(1026), becomes('dropped', 'too long ago')],
    [
      'planned, and the permit is gone',
      cycle('planned'),
      look(1001, { own: { uid: 1, validatorPermit: false, registeredAt: 5 } }),
      becomes('dropped', 'permit'),
    ],
    ['planned, and we are gone', cycle('planned'), look(1001, nobody), becomes('dropped', 'not registered')],
    ['planned for somebody who left', cycle('planned'), look(1001, { hotkeys: ['owner', 'us', 'other'] }), becomes('dropped', 'uid 2 is somebody else')],
    ['planned in the open', cycle('planned'), look(1001, limits({ commitRevealEnabled: true })), becomes('dropped', 'timelocked')],
    [
      'planned, and a newer key is asked for',
      cycle('planned'),
      look(1000, limits({ weightsVersionKey: 2n ** 64n - 1n })),
      becomes('dropped', 'version key 1844'),
    ],
    [
      'planned, and the same key is asked for',
      cycle('planned'),
      look(1000, limits({ weightsVersionKey: 183n })),
      { do: 'send', deadBlock: 1000 + LIFE_BLOCKS },
    ],
    ['planned, and more uids are asked for', cycle('planned'), look(1000, limits({ minAllowedWeights: 2 })), becomes('dropped', 'too few')],
    ['planned, and less for one is asked for', cycle('planned'), look(1000, limits({ maxWeightsLimit: 655 })), becomes('dropped', '655/65535')],
    ['planned, and the subnet has no room', cycle('planned'), look(1000, { hotkeys: ['owner', 'us'] }), becomes('dropped', 'somebody else')],
    ['planned on a chain that began anew', cycle('planned'), look(600), becomes('lost', 'began anew')],
    ['sent on a chain that began anew', sending, look(600), becomes('lost', 'began anew')],
    ['in a block of a chain that began anew', included, look(600), becomes('lost', 'began anew')],
    ['revealed on a chain that began anew', revealing, look(600), becomes('lost', 'began anew')],
    ['in a block, at an endpoint that lags', included, look(750), wait(751)],
    ['planned, never sent, and others were set', cycle('planned', { attempts: 0 }), look(1005, { lastUpdate: 1003 }), becomes('dropped', '1003')],
    ['planned, sent before, and set', cycle('planned'), look(1005, { lastUpdate: 1003 }), becomes('included')],
    [
      'sent, and taken',
      sending,
      look(1005, { lastUpdate: 1003 }),
      { do: 'change', change: { state: 'included', includedBlock: 1003, revealBlock: null, reason: null } },
    ],
    ['sent, and not taken yet', sending, look(1116), wait(1117)],
    ['sent, not taken, and that not final', sending, look(1300, { finalized: { number: 1114, hash: '0x3' } }), wait(1301)],
    ['sent, and never taken', sending, look(1117), becomes('lost', 'no block up to 1114')],
    ['sent, and registered anew', sending, look(1100, anew), becomes('lost', 'anew')],
    ['sent, and gone', sending, look(1100, nobody), wait(1101)],
    ['in a block', included, look(1001, { lastUpdate: 1001 }), { do: 'read', at: 'best' }],
    ['in a block that this endpoint does not know yet', included, look(1000, { lastUpdate: 900 }), wait(1001)],
    ['in a block, and read', { ...included, readBlock: 1001 }, look(1002, { lastUpdate: 1001 }), wait(1003)],
    ['in a final block', { ...included, readBlock: 1001 }, look(1003, { lastUpdate: 1001 }), { do: 'read', at: 'final' }],
    ['in a block that was replaced', included, look(1002, { lastUpdate: 900 }), becomes('sending', 'replaced')],
    ['in another block now', included, look(1002, { lastUpdate: 1002 }), { do: 'change', change: expect.objectContaining({ includedBlock: 1002 }) as object }],
    ['in a block, and gone', included, look(1002, nobody), becomes('lost', 'left')],
    ['in a block, and here anew', included, look(1060, anew), becomes('lost', 'left')],
    ['committed, reveal unknown', { ...committed, revealBlock: null }, look(1005, { lastUpdate: 1001 }), { do: 'schedule' }],
    ['committed', committed, look(1005, { lastUpdate: 1001 }), wait(1010)],
    ['committed, nearly due', committed, look(1298, { lastUpdate: 1001 }), wait(1300)],
    ['committed, due, not final', committed, look(1301, { lastUpdate: 1001 }), wait(1302)],
    ['committed, due', committed, look(1302, { lastUpdate: 1001 }), { do: 'read', at: 'final' }],
    ['committed, and no epochs any more', committed, look(1302, { lastUpdate: 1001, ...limits({ tempo: 0 }) }), becomes('lost', 'no epochs')],
    ['a hash, due', hash, look(1300, { lastUpdate: 1001 }), { do: 'reveal', deadBlock: 1305 }],
    ['a hash, too late', hash, look(1660, { lastUpdate: 1001 }), becomes('lost', 'is over')],
    ['revealed, not final', revealing, look(1302), wait(1303)],
    ['revealed', revealing, look(1303), { do: 'read', at: 'final' }],
  ])('%s', (_, given, seen, step) => {
    expect(decide(given, seen)).toEqual(step)
  })

  const [seen, changed, unchanged, unknown] = [
    { unchanged: true, revealed: true },
    { unchanged: false, revealed: false },
    { unchanged: true, revealed: false },
    { unchanged: null, revealed: false },
  ]
  test.each<[string, Cycle, boolean, number, Trace, unknown]>([
    ['as sent', included, true, 1003, unchanged, { do: 'change', change: { state: 'confirmed', reason: null } }],
    ['not as sent', included, false, 1003, changed, becomes('different', 'FOUND')],
    ['revealed as sent', committed, true, 1400, changed, { do: 'change', change: { state: 'confirmed', reason: null } }],
    ['revealed, the same as before', committed, true, 1400, seen, { do: 'change', change: { state: 'confirmed', reason: null } }],
    ['the same as before, reveal not seen yet', committed, true, 1400, unchanged, wait(1403)],
    ['as sent, of a validator without a past, reveal not seen yet', committed, true, 1400, unknown, wait(1403)],
    ['the same as before, reveal never seen', committed, true, 1671, unchanged, becomes('confirmed', 'no reveal of this commitment was seen')],
    ['our reveal of the same as before is on its way', revealing, true, 1305, unchanged, wait(1308)],
    ['our reveal of the same as before did not come', revealing, true, 1306, unchanged, becomes('included')],
    ['our reveal of the same as before, long ago', revealing, true, 1672, unchanged, becomes('confirmed', 'no reveal of this commitment was seen')],
    ['not revealed yet', committed, false, 1400, unchanged, wait(1403)],
    ['never revealed', committed, false, 1671, unchanged, becomes('lost', 'never revealed')],
    ['something else was', committed, false, 1671, changed, becomes('different', 'FOUND')],
    ['our reveal is on its way', revealing, false, 1305, unchanged, wait(1308)],
    ['our reveal did not come', revealing, false, 1306, unchanged, { do: 'change', change: { state: 'included', deadBlock: null } }],
  ])('read back: %s', (_, given, same, final, trace, step) => {
    const of = look(final + 2, { finalized: { number: final, hash: '0x4' } })
    expect(judge(given, { block: final, same, rows: [] }, same ? '' : 'FOUND', of, trace)).toEqual(step)
  })

  test.each<[string, Cycle | null, number, number]>([
    ['at first', null, 100, 1000],
    ['every so often', cycle('confirmed'), 150, 1050],
    ['within the limit', cycle('confirmed'), 20, 1000],
    ['after a loss, as soon as the limit lets', cycle('lost'), 150, 1000],
    ['after a refusal, at the next usual time', cycle('refused'), 150, 1150],
  ])('due %s', (_, newest, every, block) => {
    expect(dueBlock(look(1000), newest, every)).toBe(block)
  })

  test('after a refusal on a chain that began anew, weights are due as ever', () => {
    expect(dueBlock(look(60, { lastUpdate: 50 }), cycle('refused'), 100)).toBe(150)
  })

  test.each<[string, Cycle[], Partial<Look>, boolean]>([
    ['nothing of ours', [], {}, false],
    ['what we set', [cycle('confirmed', { includedBlock: 1001 })], { lastUpdate: 1001 }, false],
    ['what came after ours', [cycle('dropped'), cycle('confirmed', { includedBlock: 1001 })], { lastUpdate: 1050 }, true],
    ['a registration after ours', [cycle('lost', { includedBlock: 1001 })], anew, false],
    ['a chain that began anew', [cycle('confirmed', { includedBlock: 1001 })], { lastUpdate: 5 }, false],
  ])('whose weights there are: %s', (_, rows, change, found) => {
    expect(strange(rows, look(1100, change)) !== null).toBe(found)
  })

  test('the way the subnet takes them, and who may set any', () => {
    expect(
      [limits({}), limits({ commitRevealEnabled: true }), limits({ commitRevealEnabled: true, commitRevealVersion: 3 })].map((l) => modeOf(l.limits)),
    ).toEqual(['plain', 'timelocked', 'hash'])
    expect(barred(look(1))).toBeNull()
    expect(barred(look(1, { own: null }))).toMatch(/not registered/)
  })
})
