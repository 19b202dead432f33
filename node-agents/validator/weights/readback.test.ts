import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WeightRow } from '../../core/chain/types.ts'
import { readBack } from './readback.ts'

const HOTKEYS = ['a', 'b', 'c', 'd', 'e', 'f']
const sent = { uids: [0, 2, 3], hotkeys: ['a', 'c', 'd'], values: [16_384, 65_535, 32_768] }
const asSent: WeightRow = [
  [0, 16_384],
  [2, 65_535],
  [3, 32_768],
]
const with2 = (hotkey: string) => HOTKEYS.map((h, uid) => (uid === 2 ? hotkey : h))

test.each<[string, WeightRow, string[], boolean, RegExp]>([
  ['as sent', asSent, HOTKEYS, true, /^$/],
  ['in another order, with zeros', [[5, 0], ...asSent.toReversed()], HOTKEYS, true, /^$/],
  ['nothing', [], HOTKEYS, false, /^uid 0: 14.286 % sent, 0.000 % found; uid 2: .*; uid 3/],
  ['one missing', asSent.slice(1), HOTKEYS, false, /^uid 0: 14.286 % sent, 0.000 % found$/],
  ['one more', [...asSent, [5, 700]], HOTKEYS, false, /^uid 5: 0.000 % sent, 0.607 % found$/],
  ['one other', [[0, 17_000], ...asSent.slice(1)], HOTKEYS, false, /^uid 0: /],
  ['one became somebody else, and lost it', asSent.map(([uid, v]) => [uid, uid === 2 ? 0 : v]), with2('new'), true, /^uid 2 is somebody else now$/],
  ['one became somebody else, another is missing', [[0, 16_384]], with2('new'), false, /^uid 0: .*; uid 3: .*; uid 2 is somebody else now$/],
  ['all left', [], ['x', 'x', 'x', 'x'], false, /somebody else/],
])('%s', (_, row, hotkeys, same, found) => {
  const back = readBack(sent, row, hotkeys, 7)
  expect(back.read).toMatchObject({ block: 7, same })
  expect(back.found).toMatch(found)
})

test('per uid, in shares of the sum', () => {
  const { rows } = readBack(
    { uids: [2, 0], hotkeys: ['c', 'a'], values: [65_535, 65_535] },
    [
      [1, 300],
      [2, 100],
    ],
    HOTKEYS,
    1,
  ).read
  expect(rows).toEqual([
    { uid: 0, hotkey: 'a', wanted: 0.5, found: 0 },
    { uid: 1, hotkey: 'b', wanted: 0, found: 0.75 },
    { uid: 2, hotkey: 'c', wanted: 0.5, found: 0.25 },
  ])
})

test('no weight is taken for another', () => {
  const value = fc.integer({ min: 1, max: 65_535 })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 5 }), fc.nat(4), fc.integer({ min: 2, max: 60_000 }), (some, at, by) => {
      const values = [65_535, ...some]
      const uids = values.map((_, uid) => uid)
      const row = values.map((v, uid): [number, number] => [uid, v])
      const given = { uids, hotkeys: HOTKEYS.slice(0, uids.length), values }
      expect(readBack(given, row, HOTKEYS, 1).read.same).toBe(true)
      const changed = (at % some.length) + 1
      const other = row.map(([uid, v]): [number, number] => [uid, uid === changed ? (v + by) % 65_536 : v])
      expect(readBack(given, other, HOTKEYS, 1).read.same).toBe(Math.abs((other[changed]?.[1] ?? 0) - (values[changed] ?? 0)) <= 1)
    }),
  )
})
