import { expect, test } from 'vitest'
import { guessMb, limitMb, overShare, reserveMb, type Use } from './share.ts'

const use = (name: string, mb: number, limitMb = 10_000): Use => ({ key: `${name}/1`, mb, limitMb })

test.each<[string, Use[], number, Record<string, number>]>([
  ['room for all: nobody', [use('a', 900), use('b', 10)], 5000, {}],
  ['over its own limit, whatever room there is', [use('a', 900, 500), use('b', 10)], 5000, { 'a/1': 500 }],
  ['the reserve is touched: the one who took more than half', [use('a', 900), use('b', 100)], 900, { 'a/1': 450 }],
  ['one alone has all the room', [use('a', 1200)], 900, { 'a/1': 1100 }],
  ['two took too much, a third did not', [use('a', 2000), use('b', 1500), use('c', 0)], 500, { 'a/1': 1000, 'b/1': 1000 }],
  ['the host itself filled the disk: those who wrote next to nothing are left alone', [use('a', 10), use('b', 64)], 0, {}],
  ['nobody there', [], 0, {}],
])('%s', (_, uses, freeMb, over) => {
  expect(Object.fromEntries(overShare(uses, { freeMb, reserveMb: 1000 }).map((o) => [o.key, o.shareMb]))).toEqual(over)
})

test('who cannot be measured is over its share when the disk is tight, and only then', () => {
  const uses = [{ ...use('a', 0), blind: true }, use('b', 100)]
  const keys = (room: { freeMb: number; few?: boolean }) => overShare(uses, { reserveMb: 1000, ...room }).map((o) => o.key)
  expect([keys({ freeMb: 5000 }), keys({ freeMb: 900 }), keys({ freeMb: 5000, few: true })]).toEqual([[], ['a/1', 'b/1'], ['a/1']])
})

test.each<[string, (number | null)[], number, number]>([
  ['one hides: the other is not over by a byte', [null, 400], 700, 700],
  ['two hide', [null, null, 300], 1000, 300],
  ['there is room: nothing is known of it', [null, 400], 5000, 0],
  ['nobody hides', [100, 400], 700, 0],
  ['nobody there', [], 700, 0],
])('%s', (_, wrote, freeMb, guess) => {
  const uses = wrote.map((mb, i) => ({ key: `${i}/1` as const, mb, limitMb: 10_000 }))
  const room = { freeMb, reserveMb: 1000 }
  expect(guessMb(uses, room)).toBe(guess)
  const seen = overShare(
    uses.map((u) => ({ ...u, mb: u.mb ?? guess, blind: u.mb === null })),
    room,
  ).filter((o) => !o.blind)
  if (wrote.includes(null)) expect(seen).toEqual([])
})

test.each([
  [100_000, null, 10_000],
  [1_000_000, null, 20_480],
  [100_000, 2, 2048],
])('of %i MB, asked for %o GB: %i MB stay free', (total, asked, reserve) => expect(reserveMb(total, asked)).toBe(reserve))

test.each([
  [100, undefined, 100 * 1024],
  [100, 70_000, 70_000 + 20 * 1024],
  [5, 0, 5 * 1024],
  [Infinity, undefined, Infinity],
])('%d GB, of them on its own disk %o MB: %d MB in all', (gb, boundMb, most) => expect(limitMb(gb, boundMb)).toBe(most))
