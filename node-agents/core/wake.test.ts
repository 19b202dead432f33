import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeHotkey, Problem } from '../../schema/index.ts'
import { HandClock } from '../../test/support/clock.ts'
import { FakeEdge } from '../../test/support/fake-edge.ts'
import { until } from '../../test/support/until.ts'
import { realClock } from './clock.ts'
import { EdgeClock } from './control.ts'
import { hotkeyFromSeed } from './hotkey.ts'
import { makeLog } from './log.ts'
import { makeSigner } from './signer.ts'
import { wakeLoop } from './wake.ts'

let edge: FakeEdge
let stop: AbortController
let running: Promise<void> | null
const heard: string[] = []
const pauses: number[] = []
let clock: NotingClock

/** Pauses are noted instead of waited for; the fourth one lasts until the test ends. */
class NotingClock extends HandClock {
  override async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    pauses.push(ms)
    await realClock.sleep(pauses.length < 4 ? 0 : 3600_000, signal)
  }
}

function start(reconnectJitterMs: number, time = new EdgeClock(realClock)): void {
  const note = (word: string) => () => void heard.push(word)
  const signer = makeSigner(hotkeyFromSeed(randomBytes(32)))
  const log = makeLog('silent', 'test')
  const options = { base: edge.url, receiver: () => edge.address, install: 'in_1', signer, time, clock, reconnectJitterMs, log }
  running = wakeLoop({ ...options, onGo: note('go'), onUp: note('up'), onDown: note('down') }, stop.signal)
}

beforeEach(async () => {
  heard.length = 0
  pauses.length = 0
  clock = new NotingClock()
  running = null
  stop = new AbortController()
  edge = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
})
afterEach(async () => {
  stop.abort()
  await running
  await edge.stop()
})

describe('the wake socket', () => {
  it('passes on "go", nothing else', async () => {
    start(0)
    await until('up', () => heard.includes('up'))
    for (const socket of edge.sockets) for (const word of ['hello', '{}', 'go']) socket.send(word)
    await until('go', () => heard.includes('go'))
    expect(heard).toEqual(['up', 'go'])
  })

  it('comes back within the jitter after the edge dropped it', async () => {
    start(60_000)
    for (let i = 1; i <= 3; i++) {
      await until(`up ${i} times`, () => heard.filter((h) => h === 'up').length === i && edge.sockets.size === 1)
      clock.pass(10_000)
      for (const socket of edge.sockets) socket.close(1012)
    }
    await until('three pauses', () => pauses.length >= 3)
    expect(pauses.every((ms) => ms >= 0 && ms < 60_000)).toBe(true)
    expect(new Set(pauses).size, 'spread').toBeGreaterThan(1)
  })

  it('waits a minute at least when another one took its place', async () => {
    start(0)
    await until('up', () => edge.sockets.size === 1)
    for (const socket of edge.sockets) socket.close(4001, 'replaced')
    await until('a pause', () => pauses.length > 0)
    expect(pauses[0]).toBeGreaterThanOrEqual(60_000)
    expect(heard.slice(0, 2)).toEqual(['up', 'down'])
  })

  it('tries soon and then less often when it never came up', async () => {
    edge.fault = () => {
      throw new Problem('not_admitted')
    }
    start(60_000)
    await until('four tries', () => pauses.length === 4)
    for (const [i, ms] of pauses.entries()) expect(ms).toBeLessThanOrEqual(1000 * 2 ** i)
    expect(heard).toEqual([])
  })

  it("learns the edge's time from a refusal and is there at the next try", async () => {
    edge.skewMs = 3600_000
    const time = new EdgeClock(realClock)
    start(60_000, time)
    await until('up', () => heard.includes('up'))
    expect(pauses).toEqual([0])
    expect(Math.round(time.offsetMs / 60_000)).toBe(60)
  })

  it('tries less and less often at an edge that calls every time stale', async () => {
    edge.fault = () => {
      throw new Problem('stale', undefined, { server_time_ms: edge.now() })
    }
    start(0)
    await until('four tries', () => pauses.length === 4)
    expect(pauses[0]).toBe(0)
    for (const [i, ms] of pauses.slice(1).entries()) expect(ms).toBeGreaterThanOrEqual(500 * 2 ** i)
  })

  it('does not dial in a loop when every socket is dropped at once, not even without jitter', async () => {
    start(0)
    for (let i = 1; i <= 4; i++) {
      await until(`up ${i} times`, () => heard.filter((h) => h === 'up').length === i && edge.sockets.size === 1)
      for (const socket of edge.sockets) socket.close(1012)
      await until('a pause', () => pauses.length === i)
    }
    for (const [i, ms] of pauses.entries()) expect(ms).toBeGreaterThanOrEqual(500 * 2 ** i)
  })
})
