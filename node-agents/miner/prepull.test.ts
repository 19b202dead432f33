import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HandClock } from '../../test/support/clock.ts'
import { MemoryEngine } from '../../test/support/driver.ts'
import { until } from '../../test/support/until.ts'
import { makeLog } from '../core/log.ts'
import { prepullLoop, TenantPulls } from './prepull.ts'

/** A clock that stands still until it is told to go: loops rest for ever in between. */
class StillClock extends HandClock {
  readonly naps: number[] = []
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    this.naps.push(ms)
    const until = this.monotonicMs() + ms
    while (this.monotonicMs() < until) {
      await turn()
      signal?.throwIfAborted()
    }
  }
}

let engine: MemoryEngine
let clock: StillClock
let stop: AbortController
let running: Promise<void>
let tenants: TenantPulls
const pulls: string[] = []
let pulled = 0
const room = { freeMb: 0, totalMb: 100_000, freeInodes: 1 }
const lines: string[] = []

beforeEach(() => {
  engine = new MemoryEngine()
  clock = new StillClock()
  stop = new AbortController()
  tenants = new TenantPulls()
  pulls.length = lines.length = pulled = 0
  room.freeMb = 90_000
})
afterEach(async () => {
  stop.abort()
  await running
  await engine.close()
})

function begin(...images: string[]): void {
  const log = makeLog('debug', 'test', { write: (line) => void lines.push(line) })
  running = prepullLoop(
    { driver: { ...engine.driver(), space: async () => ({ ...room }) }, clock, diskReserveGb: null, images, tenants, onPulled: () => pulled++, log },
    stop.signal,
  )
}

/** A pull that takes until it is let go, and counts. */
function slow() {
  const gates = new Map<string, () => void>()
  engine.pull = (reference, _, signal) =>
    new Promise((resolve, reject) => {
      pulls.push(reference)
      gates.set(reference, () => {
        engine.images.add(reference)
        resolve()
      })
      signal.addEventListener('abort', () => reject(new Error('cut')), { once: true })
    })
  return (reference: string) => gates.get(reference)?.()
}

describe('images that are offered and not here', () => {
  it('are pulled one after the other; what is here is left alone', async () => {
    const arrive = slow()
    begin('cold:1', 'workspace:1', 'cold:2')
    await until('the first', () => pulls.length === 1)
    await turn()
    expect(pulls).toEqual(['cold:1'])
    arrive('cold:1')
    await until('the second', () => pulls.length === 2)
    arrive('cold:2')
    await until('both', () => pulled === 2)
    await until('a rest', () => clock.naps.includes(3600_000))
    expect(pulls).toEqual(['cold:1', 'cold:2'])
    engine.images.delete('cold:1') // somebody cleans up
    clock.pass(3600_000)
    await until('again', () => pulls.length === 3)
    arrive('cold:1')
  })

  it('give way to a tenant who waits for another image, and come afterwards', async () => {
    const arrive = slow()
    begin('cold:1')
    await until('begun', () => pulls.length === 1)
    const tenant = tenants.through(engine.driver(), () => pulled++).pull('tenant:1', () => undefined, stop.signal)
    await until('the tenant is first', () => clock.naps.at(-1) === 1000)
    expect(pulls).toEqual(['cold:1', 'tenant:1'])
    arrive('tenant:1')
    await tenant
    clock.pass(1000)
    await until('again', () => pulls.length === 3)
    arrive('cold:1')
    await until('here', () => pulled === 2)
  })

  it('do not give way to a tenant who waits for the same one', async () => {
    const arrive = slow()
    begin('cold:1')
    await until('begun', () => pulls.length === 1)
    const gate = engine.pull
    engine.pull = async (reference) => void engine.images.add(reference)
    await tenants.through(engine.driver(), () => undefined).pull('cold:1', () => undefined, stop.signal)
    engine.pull = gate
    arrive('cold:1')
    await until('here', () => pulled === 1)
    expect(pulls).toEqual(['cold:1'])
  })

  it('wait for room that is clearly enough: tenants who are there come first', async () => {
    const arrive = slow()
    room.freeMb = 19_000
    begin('cold:1')
    await until('it is said', () => lines.join().includes('19000 MB'))
    expect(pulls).toEqual([])
    room.freeMb = 21_000
    clock.pass(30_000)
    await until('begun', () => pulls.length === 1)
    arrive('cold:1')
    await until('here', () => pulled === 1)
  })

  it('that cannot be pulled are tried less and less often, hold nobody up, and are tried again in an hour', async () => {
    engine.pull = async (reference) => {
      pulls.push(reference)
      throw new Error('manifest unknown')
    }
    begin('bad:1', 'bad:2')
    for (let i = 1; i <= 4; i++) {
      await until(`try ${i}`, () => pulls.length === i && clock.naps.at(-1) !== 1000 && clock.naps.length >= i)
      const step = 30_000 * 2 ** (i - 1)
      const nap = clock.naps.filter((ms) => ms >= 15_000).at(-1) ?? 0
      expect(nap).toBeGreaterThanOrEqual(step / 2)
      expect(nap).toBeLessThanOrEqual(step)
      clock.pass(step)
    }
    await until('the next image', () => pulls.includes('bad:2'))
    expect(pulls.filter((p) => p === 'bad:1')).toHaveLength(5)
    expect(lines.join()).toContain('manifest unknown')
  })
})
