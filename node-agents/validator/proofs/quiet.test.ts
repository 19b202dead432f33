import { describe, expect, it } from 'vitest'
import { StillClock } from '../../../test/support/still-clock.ts'
import { Quiet } from './quiet.ts'

const never = new AbortController().signal
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Hosts by name, and what each was let do so far. */
function world() {
  const clock = new StillClock()
  const quiet = new Quiet(clock, 1000)
  const seen: string[] = []
  const hosts = new Map<string, object>()
  const of = (name: string) => {
    const host = hosts.get(name) ?? {}
    hosts.set(name, host)
    return host
  }
  const note = (what: string) => () => void seen.push(what)
  return {
    clock,
    seen,
    timed: (name: string, signal = never) => quiet.timed(of(name), signal).then(note(`${name} timed`)),
    checked: (name: string, signal = never) => quiet.checked(of(name), signal).then(note(`${name} checked`)),
    over: (name: string) => quiet.over(of(name)),
  }
}

describe('while clocks run', () => {
  it('nobody is checked until the last of them has stopped, and then all are', async () => {
    const w = world()
    await Promise.all(['a', 'b', 'c'].map((name) => w.timed(name)))
    const checks = [w.checked('a'), w.checked('b')]
    await turn()
    expect(w.seen).toEqual(['a timed', 'b timed', 'c timed'])
    await Promise.all([w.checked('c'), ...checks])
    expect(w.seen.slice(3).toSorted()).toEqual(['a checked', 'b checked', 'c checked'])
    expect(w.clock.isAwaited, 'no alarm is left').toBe(false)
  })

  it('who breaks off keeps nobody waiting', async () => {
    const w = world()
    await Promise.all([w.timed('a'), w.timed('b')])
    const check = w.checked('a')
    w.over('b')
    await check
  })

  it('a host that stretches its time holds the others up for so long and no longer', async () => {
    const w = world()
    await Promise.all([w.timed('a'), w.timed('slow')])
    const check = w.checked('a')
    w.clock.pass(999)
    await turn()
    expect(w.seen).not.toContain('a checked')
    w.clock.pass(1)
    await check
  })
})

describe('while anybody is checked', () => {
  it('no clock starts, and all that wait start together', async () => {
    const w = world()
    await w.timed('a')
    await w.checked('a')
    const starts = [w.timed('b'), w.timed('c')]
    await turn()
    expect(w.seen).toEqual(['a timed', 'a checked'])
    w.over('a')
    await Promise.all(starts)
    expect(w.seen.slice(2).toSorted()).toEqual(['b timed', 'c timed'])
  })

  it('a host that opens slowly holds them up for so long and no longer', async () => {
    const w = world()
    await w.timed('slow')
    await w.checked('slow')
    const start = w.timed('b')
    await turn()
    w.clock.pass(1000)
    await start
  })
})

it('who is told to stop waits no longer, and counts for nobody', async () => {
  const w = world()
  const stop = new AbortController()
  await w.timed('a')
  await w.timed('b')
  const check = w.checked('a', stop.signal)
  await turn()
  stop.abort(new Error('stopped'))
  await expect(check).rejects.toThrow('stopped')
  await expect(w.timed('c', stop.signal)).rejects.toThrow('stopped')
  w.over('b')
  await w.timed('d')
  expect(w.seen).toEqual(['a timed', 'b timed', 'd timed'])
})
