import { expect, test } from 'vitest'
import { limitMb, overShare, reserveMb, type Use } from './share.ts'

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
