import { describe, expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { MemoryEngine } from '../../test/support/driver.ts'
import { pullWithin } from './pull.ts'
import { ServerTime } from './server-time.ts'

const HOUR = 3600_000
const EDGE = 5_000_000_000_000
const never = new AbortController().signal

describe("the edge's time", () => {
  it('goes on from the last sync, whatever this machine believes', () => {
    const clock = new HandClock()
    const time = new ServerTime(clock)
    time.anchor(EDGE)
    clock.pass(5 * HOUR)
    expect(time.now()).toBe(EDGE + 5 * HOUR)
    clock.jump(59_000)
    expect(time.now()).toBe(EDGE + 5 * HOUR)
  })

  it('is in doubt after a jump, until the next sync, an hour at most', () => {
    const clock = new HandClock()
    const time = new ServerTime(clock)
    time.anchor(EDGE)
    clock.jump(-HOUR)
    expect(time.now()).toBeNull()
    clock.pass(HOUR - 1)
    expect(time.now()).toBeNull()
    clock.pass(1)
    expect(time.now()).toBe(EDGE + HOUR)
    clock.jump(5 * HOUR)
    time.anchor(EDGE + 7)
    expect(time.now()).toBe(EDGE + 7)
  })

  it('is in doubt before the first sync, an hour at most', () => {
    const clock = new HandClock()
    const time = new ServerTime(clock)
    clock.pass(HOUR - 1)
    expect(time.now()).toBeNull()
    clock.pass(1)
    expect(time.now()).toBe(clock.wallMs())
  })
})

describe('a pull', () => {
  const engine = () => new MemoryEngine()
  const hang = (_: string, __: unknown, signal: AbortSignal) =>
    new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cut off')), { once: true }))

  it('is given up when no byte comes for a minute', async () => {
    const e = engine()
    e.pull = hang
    const clock = new HandClock()
    await expect(pullWithin({ driver: e.driver(), clock, diskReserveGb: null }, 'cold:1', () => undefined, never)).rejects.toMatchObject({
      code: 'pull_failed',
      message: 'no byte of cold:1 came for 60 s',
    })
    expect(clock.monotonicMs()).toBeLessThan(70_000)
  })

  it('is given up after twenty minutes, however busy', async () => {
    const e = engine()
    const clock = new HandClock()
    e.pull = async (_, onProgress, signal) => {
      for (let current = 0; !signal.aborted; current++) {
        onProgress({ current, total: null })
        await new Promise((resolve) => setImmediate(resolve))
      }
      throw new Error('cut off')
    }
    await expect(pullWithin({ driver: e.driver(), clock, diskReserveGb: null }, 'cold:1', () => undefined, never)).rejects.toMatchObject({
      message: 'cold:1 was not here after 20 minutes',
    })
  })

  it('stops before it takes the disk below the reserve, of which tenants would be blamed', async () => {
    const e = engine()
    const [clock, pulled] = [new HandClock(), { mb: 0 }]
    const driver = { ...e.driver(), space: async () => ({ freeMb: 20_000 - pulled.mb, totalMb: 100_000, freeInodes: 1 }) }
    e.pull = async (_, onProgress, signal) => {
      for (; !signal.aborted; pulled.mb += 10) {
        onProgress({ current: pulled.mb, total: null })
        await new Promise((resolve) => setImmediate(resolve))
      }
      throw new Error('cut off')
    }
    const full = { code: 'disk_full', message: expect.stringMatching(/^cold:1 is not pulled: this host has \d+ MB left of the 10000 MB that stay reserved/) }
    await expect(pullWithin({ driver, clock, diskReserveGb: null }, 'cold:1', () => undefined, never)).rejects.toMatchObject(full)
    expect(20_000 - pulled.mb).toBeGreaterThan(10_000)
    let begun = false
    e.pull = async () => void (begun = true)
    await expect(pullWithin({ driver, clock, diskReserveGb: null }, 'cold:1', () => undefined, never)).rejects.toMatchObject(full)
    expect(begun).toBe(false)
    await pullWithin({ driver, clock, diskReserveGb: 1 }, 'cold:1', () => undefined, never)
    expect(begun).toBe(true)
  })

  it('passes on its own failure and its success', async () => {
    const e = engine()
    const clock = new HandClock()
    await pullWithin({ driver: e.driver(), clock, diskReserveGb: null }, 'cold:1', () => undefined, never)
    expect(e.images.has('cold:1')).toBe(true)
    e.pull = async () => Promise.reject(new Error('manifest unknown'))
    await expect(pullWithin({ driver: e.driver(), clock, diskReserveGb: null }, 'cold:2', () => undefined, never)).rejects.toThrow('manifest unknown')
  })
})
