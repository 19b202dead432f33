import { describe, expect, test } from 'vitest'
import { DEFAULTS, stallMs } from './limits.ts'
import { Pace } from './pace.ts'
import { isOpen, shown } from './rpc.ts'
import { judgeTime } from './watch.ts'

const NOW = 1_800_000_000_000

describe('the time of a best block', () => {
  test.each([
    ['a block ago', NOW - 12_000, null],
    ['some blocks ago', NOW - 170_000, null],
    ['a little ahead of our clock', NOW + 30_000, null],
    ['of a chain without time yet', 0, null],
    ['minutes ago', NOW - 200_000, /^its best block is 200 s old.*clock of this machine/],
    ['an hour ago', NOW - 3_600_000, /^its best block is 3600 s old/],
    ['minutes ahead', NOW + 120_000, /^its best block is 120 s in the future.*clock of this machine/],
  ])('%s', (_, timeMs, why) => {
    const said = judgeTime(timeMs, NOW, DEFAULTS)
    if (why) expect(said).toMatch(why)
    else expect(said).toBeNull()
  })
})

test.each([
  [12_000, 28_800],
  [250, 15_000],
  [60_000, 29_000],
])('with %i ms from block to block, %i ms without one are too long', (blockMs, limit) => {
  expect(stallMs(blockMs)).toBe(limit)
})

test('what is dead is noticed within 30 seconds', () => {
  expect(DEFAULTS.pulseMs + DEFAULTS.pulseLateMs).toBeLessThan(30_000)
  expect(stallMs(12_000)).toBeLessThan(30_000)
})

describe('the pace of blocks', () => {
  const after = (every: number, count: number) => {
    const pace = new Pace()
    for (let i = 0; i < count; i++) pace.add(i, i * every)
    return pace
  }

  test('is the runtime’s until enough was seen', () => expect(after(1000, 4).blockMs(12_000)).toBe(12_000))
  test('is what was seen where that is faster', () => expect(after(1000, 9).blockMs(12_000)).toBe(1000))
  test('is the runtime’s where blocks fail to come', () => expect(after(15_000, 9).blockMs(12_000)).toBe(12_000))
  test('counts anew after a replaced block', () => {
    const pace = after(1000, 9)
    pace.add(8, 8100)
    expect(pace.blockMs(12_000)).toBe(12_000)
  })
})

test.each([
  ['ws://127.0.0.1:9944', false],
  ['ws://localhost:9944', false],
  ['ws://10.1.2.3:9944', false],
  ['ws://172.20.0.2:9944', false],
  ['ws://[::1]:9944', false],
  ['ws://subtensor:9944', false],
  ['wss://example.org', false],
  ['ws://example.org', true],
  ['ws://172.32.0.2', true],
  ['ws://203.0.113.7:9944', true],
])('%s can be changed on the way: %s', (url, open) => {
  expect(isOpen(url)).toBe(open)
})

test('an endpoint is shown without what may be a key', () => {
  expect(shown('wss://me:secret@example.org:8443/v1/key?token=x')).toBe('wss://example.org:8443')
})
