import { describe, expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { Backoff } from './backoff.ts'
import { realClock } from './clock.ts'
import { Trigger } from './trigger.ts'

const never = new AbortController().signal

describe('a trigger', () => {
  it('rings once for many kicks, at the earliest time asked for', async () => {
    const clock = new HandClock()
    const t = new Trigger(clock)
    t.kick(500)
    t.kick(100)
    t.kick(900)
    await t.next(never)
    expect(clock.monotonicMs()).toBe(100)
    t.kick(1000)
    await t.next(never)
    expect(clock.monotonicMs()).toBe(1100)
  })

  it('waits out a hold whoever kicks, unless it is freed', async () => {
    const clock = new HandClock()
    const t = new Trigger(clock)
    t.hold(300)
    t.kick()
    await t.next(never)
    expect(clock.monotonicMs()).toBe(300)
    t.hold(300)
    t.kick()
    t.free()
    await t.next(never)
    expect(clock.monotonicMs()).toBe(300)
  })

  it('is woken by a kick while it waits for a later one, and by its signal', async () => {
    const t = new Trigger(realClock)
    t.kick(3600_000)
    const rung = t.next(never)
    t.kick()
    await rung
    const stop = new AbortController()
    const waiting = t.next(stop.signal)
    stop.abort()
    await expect(waiting).rejects.toThrow(/aborted/)
  })
})

it('a backoff doubles up to its end, with jitter, and begins anew after a success', () => {
  for (const [random, steps] of [
    [0, [500, 1000, 2000, 4000, 4000]],
    [1, [1000, 2000, 4000, 8000, 8000]],
  ] as const) {
    const b = new Backoff(1000, 8000, () => random)
    expect(steps.map(() => b.next())).toEqual(steps)
    b.reset()
    expect(b.next()).toBe(steps[0])
  }
})
