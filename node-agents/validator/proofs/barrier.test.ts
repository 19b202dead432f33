import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { realClock } from '../../core/clock.ts'
import { Barrier, type MemberState, whenToStart } from './barrier.ts'

const there = (sinceMs: number): MemberState => ({ is: 'there', sinceMs })
const coming: MemberState = { is: 'coming' }
const gone: MemberState = { is: 'gone' }
const never = new AbortController().signal
/** Longer than any test. */
const PATIENT = 3600_000

describe('whether a barrier opens', () => {
  it.each<[string, MemberState[], { open: boolean; inMs: number | null }]>([
    ['nobody is there', [coming, gone], { open: false, inMs: null }],
    ['nobody is expected', [], { open: false, inMs: null }],
    ['all are there', [there(0), there(90)], { open: true, inMs: null }],
    ['all others gave up', [there(0), gone], { open: true, inMs: null }],
    ['one is missing', [there(40), there(90), coming], { open: false, inMs: 20 }],
    ['the first has waited long enough', [there(0), there(99), coming], { open: true, inMs: null }],
  ])('when %s', (_, places, expected) => {
    expect(whenToStart(places, 100, 80)).toEqual(expected)
  })
})

describe('a barrier', { timeout: 30_000 }, () => {
  it('lets all start when the last one comes, and none before', async () => {
    const barrier = new Barrier(['a', 'b'], { clock: realClock, patienceMs: PATIENT })
    const started: string[] = []
    const go = (name: string) => barrier.seat(name).arrive(never).then(() => started.push(name)) // prettier-ignore
    const first = go('a')
    await new Promise((resolve) => setImmediate(resolve))
    expect(started).toEqual([])
    await Promise.all([first, go('b')])
    expect(started.toSorted()).toEqual(['a', 'b'])
    expect([barrier.startOf('a'), barrier.startOf('b')]).toEqual([1, 1])
  })

  it('waits for nobody who left, and not for long for who never comes; who comes later starts later', async () => {
    const left = new Barrier(['a', 'b'], { clock: realClock, patienceMs: PATIENT })
    const a = left.seat('a').arrive(never)
    left.seat('b').leave()
    await a
    const slow = new Barrier(['a', 'b'], { clock: realClock, patienceMs: 20 })
    await slow.seat('a').arrive(never)
    expect([slow.startOf('a'), slow.startOf('b')]).toEqual([1, null])
    await slow.seat('b').arrive(never)
    expect(slow.startOf('b')).toBe(2)
  })

  it('lets go of who is told to stop, and of those who waited for him', async () => {
    const barrier = new Barrier(['a', 'b', 'c'], { clock: realClock, patienceMs: PATIENT })
    const stop = new AbortController()
    const ends: string[] = []
    const a = barrier.seat('a').arrive(stop.signal).catch(() => ends.push('a stopped')) // prettier-ignore
    const b = barrier.seat('b').arrive(never).then(() => ends.push('b started')) // prettier-ignore
    stop.abort()
    barrier.seat('c').leave()
    await Promise.all([a, b])
    await until('both', () => ends.length === 2)
    expect(ends.toSorted()).toEqual(['a stopped', 'b started'])
    await expect(barrier.seat('c').arrive(stop.signal)).rejects.toThrow()
    expect(() => barrier.seat('stranger')).toThrow(/stranger is not expected/)
  })
})
