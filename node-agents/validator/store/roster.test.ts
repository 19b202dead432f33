import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changes, isUpheaval, type Seen } from './roster.ts'

/** Few names and few blocks, so that readings have much in common. */
const reading = fc
  .uniqueArray(fc.record({ hotkey: fc.constantFrom(...'abcdefgh'), coldkey: fc.constantFrom('x', 'y'), registeredAt: fc.constantFrom(1, 2, 3) }), {
    selector: (n) => n.hotkey,
    minLength: 1,
  })
  .map((rows): Seen[] => rows.map((row, uid) => ({ ...row, uid })))

const key = (n: Seen) => `${n.hotkey}@${n.registeredAt}`

describe('changes between two readings', () => {
  it('make the one out of the other, and touch nobody who stayed', () => {
    fc.assert(
      fc.property(reading, reading, (known, now) => {
        const { gone, fresh, moved } = changes(known, now)
        const stayed = known.filter((n) => !gone.includes(n.hotkey))
        const after = [...stayed.map((n) => moved.find((m) => m.hotkey === n.hotkey) ?? n), ...fresh]
        const sorted = (rows: Seen[]) => rows.toSorted((a, b) => a.uid - b.uid)
        expect(sorted(after)).toEqual(sorted(now))
        const there = new Set(now.map(key))
        expect(stayed.map(key)).toEqual(known.map(key).filter((k) => there.has(k)))
      }),
    )
  })

  it('are none between a reading and itself', () => {
    fc.assert(fc.property(reading, (now) => void expect(changes(now, now)).toEqual({ gone: [], fresh: [], moved: [] })))
  })
})

describe('an upheaval', () => {
  it.each([
    [0, 0, false],
    [0, 4, false],
    [2, 4, false],
    [3, 4, true],
    [1, 1, true],
  ])('of %i of %i: %s', (gone, known, is) => {
    const rows = Array.from({ length: known }, (_, uid): Seen => ({ hotkey: String(uid), uid, coldkey: 'x', registeredAt: 1 }))
    expect(isUpheaval({ gone: rows.slice(0, gone).map((r) => r.hotkey), fresh: [], moved: [] }, rows)).toBe(is)
  })
})
