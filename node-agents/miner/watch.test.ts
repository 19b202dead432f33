import { expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { until } from '../../test/support/until.ts'
import { realClock } from '../core/clock.ts'
import { makeLog } from '../core/log.ts'
import type { Driver } from '../core/ports.ts'
import { watchLoop } from './watch.ts'

/** Sleeps are listed, and end when the test says so or their signal fires. */
class ListingClock extends HandClock {
  readonly sleeping = new Map<number, () => void>()

  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const woken = new AbortController()
    this.sleeping.set(ms, () => woken.abort())
    const either = AbortSignal.any([woken.signal, ...(signal ? [signal] : [])])
    await realClock.sleep(3600_000, either).catch(() => this.sleeping.delete(ms))
    signal?.throwIfAborted()
  }
}

it('looks at once and again 300 ms and 1.5 s after the last change; nothing is left waiting at the end', async () => {
  const clock = new ListingClock()
  const stop = new AbortController()
  const owner = { edge: 'e', hotkey: 'h', install: 'i' }
  let [looks, change] = [0, () => undefined as void]
  const watch: Driver['watch'] = async (_, onChange, signal) => {
    change = onChange
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  const running = watchLoop({ clock, owner, driver: { watch } as Driver }, () => looks++, makeLog('silent', 'test'), stop.signal)
  await until('it watches', () => change)
  for (let i = 0; i < 3; i++) change()
  expect(looks).toBe(3)
  await until('two more are due', () => clock.sleeping.size === 2)
  expect([...clock.sleeping.keys()]).toEqual([300, 1500])
  clock.sleeping.get(300)?.()
  await until('the first of them', () => looks === 4)
  stop.abort()
  await running
  expect(clock.sleeping.size).toBe(0)
  expect(looks, 'the look after the watch, none of a delay').toBe(5)
})
