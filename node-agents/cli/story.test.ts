import { expect, it } from 'vitest'
import type { EventView } from '../../schema/index.ts'
import { detailsOf, eventLine, eventTable, Gaps, hops } from './story.ts'

const ID = 'al_01k0000000000000000000000a'
const OTHER = 'al_01k0000000000000000000000b'
let id = 0
const event = (ms: number, kind: EventView['kind'], trace: string, data: object = {}, allocation_id = ID): EventView => ({
  id: ++id,
  at: new Date(1_800_000_000_000 + ms).toISOString(),
  kind,
  allocation_id,
  data: { ...data },
  trace_id: trace.repeat(32),
})

const STORY = [
  event(0, 'allocated', 'a'),
  event(120, 'phase', 'a', { phase: 'pulling', hotkey: '5x' }),
  event(2_620, 'ready', 'a', { phase: 'running', incarnation: 1, took: { pull: 2_400, start: 90 } }),
  event(10_000, 'extended', 'e', { until: '2027-02-01T00:00:00.000Z' }),
  event(60_000, 'pause_asked', 'b'),
  event(60_042, 'paused', 'b', { phase: 'paused' }),
]

it.each([
  [event(0, 'phase', 'a', { phase: 'pulling', hotkey: '5x', incarnation: 1 }), 'pulling'],
  [event(0, 'phase', 'a', { phase: 'failed', error: 'disk_full' }), 'failed, error disk_full'],
  [event(0, 'ready', 'a', { phase: 'running', took: { pull: 1200, start: 90 } }), 'pull 1,200 ms, start 90 ms'],
  [event(0, 'restarted', 'a', { phase: 'running', n: 3 }), 'n 3'],
  [event(0, 'ended', 'a', { phase: 'gone', reason: 'released' }), 'reason released'],
  [event(0, 'allocated', 'a'), ''],
])('details of %o', (e, text) => expect(detailsOf(e)).toBe(text))

it('counts from the event before of the same allocation', () => {
  const rows = eventTable(
    [STORY[0], event(50, 'allocated', 'c', {}, OTHER), STORY[1], event(1_234_617, 'ready', 'c', {}, OTHER)].filter((e) => e !== undefined),
  ).split('\n')
  expect(rows.map((r) => /\+[\d,]+/.exec(r)?.[0])).toEqual([undefined, undefined, undefined, '+120', '+1,234,567'])
})

it('lines that come one by one stand under each other', () => {
  const gaps = new Gaps()
  const lines = STORY.map((e) => eventLine(e, gaps))
  expect(new Set(lines.map((l) => l.indexOf(ID))).size).toBe(1)
})

it('says for each request what followed after how long', () => {
  const later = event(86_400_000, 'expiring', 'a')
  expect(
    hops([...STORY, later])
      .split('\n')
      .slice(1),
  ).toEqual([
    `allocated, +120 ms pulling, +2,500 ms ready  2,620 ms  ${'a'.repeat(32)}`,
    `pause_asked, +42 ms paused                   42 ms     ${'b'.repeat(32)}`,
  ])
  expect(hops(STORY.slice(3, 4))).toBe('')
})
