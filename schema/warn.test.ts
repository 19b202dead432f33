import { expect, it } from 'vitest'
import { nextWarning } from './warn.ts'

const H = 3600_000
const NOW = 1_800_000_000_000

it.each([
  ['30 days', 720 * H, 696 * H],
  ['a little more than a day', 24 * H + 1, 1],
  ['a day: its length is no warning', 24 * H, 23 * H],
  ['two hours', 2 * H, H],
  ['an hour: its length is no warning', H, null],
  ['a minute', 60_000, null],
  ['nothing left', 0, null],
  ['over since a day', -24 * H, null],
])('%s ahead', (_, left, inMs) => expect(nextWarning(NOW + left, NOW)).toBe(inMs === null ? null : NOW + inMs))

it('warns of a long lease twice, then no more', () => {
  const ends = NOW + 48 * H
  const first = nextWarning(ends, NOW)
  expect(first).toBe(ends - 24 * H)
  const second = nextWarning(ends, first ?? 0)
  expect(second).toBe(ends - H)
  expect(nextWarning(ends, second ?? 0)).toBeNull()
})

it('leaves out what a late sweep missed', () => expect(nextWarning(NOW + 1.5 * H, NOW)).toBe(NOW + 0.5 * H))
