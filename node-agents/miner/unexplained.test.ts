import { Writable } from 'node:stream'
import { beforeEach, describe, expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { makeLog } from '../core/log.ts'
import type { Key } from './key.ts'
import { HOLD, mayGo, type Stray, Unexplained } from './unexplained.ts'

const [A, B] = ['al_a/1', 'al_b/1'] as const
const stray = (key: Key, change: Partial<Stray> = {}): Stray => ({ key, since: 0, fullSyncs: HOLD.fullSyncs, several: false, ...change })
const set = (...keys: Key[]) => new Set<Key>(keys)

const cases: [string, Stray[], { confirmed?: Set<Key>; over?: Set<Key>; at?: number }, Key[]][] = [
  ['one alone, held long enough', [stray(A)], {}, [A]],
  ['one alone, a moment too early', [stray(A)], { at: HOLD.ms - 1 }, []],
  ['one alone, one full sync too early', [stray(A, { fullSyncs: HOLD.fullSyncs - 1 })], {}, []],
  ['several: none', [stray(A, { several: true }), stray(B, { several: true })], {}, []],
  ['the last of several: still none', [stray(A, { several: true })], { at: 10 * HOLD.ms }, []],
  ['confirmed: at once', [stray(A, { several: true, fullSyncs: 0 }), stray(B, { several: true })], { confirmed: set(A), at: 0 }, [A]],
  ['its agreed end is past: at once', [stray(A, { several: true, fullSyncs: 0 }), stray(B)], { over: set(A), at: 0 }, [A]],
  ['nothing is unexplained', [], { confirmed: set(A), over: set(B) }, []],
]

describe('what the wish does not mention', () => {
  it.each(cases)('%s', (_, strays, { confirmed = set(), over = set(), at = HOLD.ms }, gone) => {
    expect([...mayGo({ strays, confirmed, over, nowMonotonicMs: at })]).toEqual(gone)
  })

  let clock: HandClock
  let lines: string[]
  let unexplained: Unexplained
  beforeEach(() => {
    clock = new HandClock()
    lines = []
    const to = new Writable({ write: (chunk: Buffer, _, done) => done(void lines.push(chunk.toString()) as unknown as null) })
    unexplained = new Unexplained(clock, makeLog('warn', 'test', to))
  })
  const look = (...keys: Key[]) => [...unexplained.look(keys, set())]
  const hold = () => {
    clock.pass(HOLD.ms)
    for (let i = 0; i < HOLD.fullSyncs; i++) unexplained.heard(set())
  }

  it('goes after ten minutes and two full syncs that did not mention it, and is told of once', () => {
    expect(look(A)).toEqual([])
    clock.pass(HOLD.ms)
    unexplained.heard(set())
    expect(look(A)).toEqual([])
    unexplained.heard(set(A)) // this one did mention it
    expect(look(A)).toEqual([])
    unexplained.heard(set())
    expect(look(A)).toEqual([A])
    expect(lines.map((l) => JSON.parse(l) as object)).toMatchObject([{ container: A, msg: expect.stringContaining('10 minutes and 2 full syncs') }])
  })

  it('begins anew when the wish mentioned it meanwhile', () => {
    look(A)
    hold()
    look()
    expect(look(A)).toEqual([])
    hold()
    expect(look(A)).toEqual([A])
  })

  it('waits for a person once it was one of several, also when it is the last', () => {
    look(A, B)
    hold()
    expect(look(A, B)).toEqual([])
    expect(look(A)).toEqual([])
    expect(unexplained.candidates).toMatchObject([{ key: A, goesAtMs: null }])
    expect(unexplained.confirm([A, 'al_c/1'])).toEqual([A])
    expect(look(A)).toEqual([A])
    expect(lines.filter((l) => l.includes('compute miner confirm'))).toHaveLength(1)
  })

  it('a confirmation is for this time only', () => {
    look(A, B)
    expect(unexplained.confirm([A, B])).toEqual([A, B])
    expect(look(A, B)).toEqual([A, B])
    look()
    expect(look(A)).toEqual([])
  })

  it('one that ends by itself does not make several of two', () => {
    unexplained.look([A, B], set(B))
    hold()
    expect([...unexplained.look([A, B], set(B))]).toEqual([A, B])
  })

  it('says since when, and when it goes', () => {
    const since = clock.wallMs()
    look(A)
    clock.pass(60_000)
    expect(unexplained.candidates).toEqual([{ key: A, sinceMs: since, goesAtMs: since + HOLD.ms }])
  })
})
