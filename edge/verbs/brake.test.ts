import { describe, expect, it } from 'vitest'
import { brake, brakeValue, engaged } from './brake.ts'
import { type Brake, readBrake } from './brakes.ts'

const NOW = 1_000_000
const held = (o: Partial<Brake> = {}): Brake => ({ name: 'unreachable', sinceMs: 5, unreachable: 9, total: 20, releasedMs: null, ...o })
const away = (fresh: number, total: number, since = fresh) => ({ fresh, since, total })

describe('brake', () => {
  it.each([
    ['nobody away', null, away(0, 0), null],
    ['three of four are too few', null, away(3, 4), null],
    ['a fifth is not more than a fifth', null, away(4, 20), null],
    ['more than a fifth, and more than three', null, away(5, 20), held({ sinceMs: NOW, unreachable: 5 })],
    ['all of them', null, away(20, 20), held({ sinceMs: NOW, unreachable: 20 })],
    ['held, though none went away in the last minutes', held(), away(0, 20, 9), held()],
    ['held, as some are back but too many are not', held(), away(0, 20, 5), held({ unreachable: 5 })],
    ['let go when they are back', held(), away(0, 20, 4), null],
    ['released: those who were away already do not engage it again', held({ releasedMs: 9 }), away(0, 20, 9), held({ releasedMs: 9 })],
    ['released: others who go do', held({ releasedMs: 9 }), away(5, 20, 14), held({ sinceMs: NOW, unreachable: 5 })],
    ['released, and over: forgotten', held({ releasedMs: 9 }), away(1, 20, 4), null],
  ])('%s', (_, was, counted, is) => {
    expect(brake(was, counted, NOW)).toEqual(is)
  })

  it('holds back only while nobody released it', () => {
    expect([null, held(), held({ releasedMs: 9 })].map(engaged)).toEqual([false, true, false])
  })

  it('is read as it was written', () => {
    for (const row of [held(), held({ releasedMs: 9 })]) expect(readBrake(brakeValue(row))).toEqual(row)
  })
})
