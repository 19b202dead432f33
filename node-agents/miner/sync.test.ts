import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { hostFacts } from '../../test/support/agent.ts'
import { HandClock } from '../../test/support/clock.ts'
import { FakeEdge } from '../../test/support/fake-edge.ts'
import { encodeHotkey, makeId, PROTOCOL, type Report } from '../../schema/index.ts'
import { ControlError } from '../core/control.ts'
import { makeLog } from '../core/log.ts'
import type { MinerControl } from '../core/ports.ts'
import { Trigger } from '../core/trigger.ts'
import { Hold } from './hold.ts'
import { Pulse } from './pulse.ts'
import type { News } from './report.ts'
import { ServerTime } from './server-time.ts'
import { Session } from './session.ts'
import { openState } from './state.ts'
import { Sync } from './sync.ts'

/** The agent's schedule on a clock that runs as fast as it can: days in seconds. */

const HOUR = 3600_000
const hotkey = encodeHotkey(randomBytes(32))
let dir: string
let edge: FakeEdge
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sync-'))
  edge = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
})
afterEach(async () => {
  await edge.stop()
  await rm(dir, { recursive: true })
})

/** An agent with nothing to do, over so much time. @param each called before every request; may throw */
async function idle(ms: number, each: (sync: Sync, path: string, clock: HandClock) => void) {
  const clock = new HandClock()
  const log = makeLog('silent', 'test')
  const state = await openState(dir, () => clock.wallMs())
  const stop = new AbortController()
  let requests = 0
  /** When reports with the facts of the host were made (ms). */
  const fulls: number[] = []
  const asked = async <T>(path: string, answer: () => Promise<T>): Promise<T> => {
    requests++
    if (clock.monotonicMs() >= ms) stop.abort()
    stop.signal.throwIfAborted()
    each(sync, path, clock)
    return answer()
  }
  const control: MinerControl = {
    identity: () => asked('identity', () => edge.identity()),
    register: () => asked('register', async () => ({ protocol: PROTOCOL, epoch: 1, server_time_ms: clock.wallMs() })),
    sync: () => asked('sync', () => edge.signWish(hotkey, state.install)),
  }
  const nothing: News = { allocations: [], unexplained: [], foreign: 0, engine: { ok: true, message: '' } }
  const facts = hostFacts(hotkey, 8, 'NVIDIA H200')
  const told = (full: boolean) => void (full && fulls.push(clock.monotonicMs()))
  const report = async (full: boolean): Promise<Report> => (
    told(full),
    {
      protocol: PROTOCOL,
      version: 'test',
      install: state.install,
      boot: makeId('bo', 0, randomBytes(10)),
      seq: 1,
      wish: null,
      ...nothing,
      facts: full ? facts : null,
    }
  )
  const session = new Session({ control, state, pin: edge.pin, clock, facts: () => facts, log, onMet: () => undefined, onRegistered: () => undefined })
  const pulse = new Pulse(clock)
  const time = new ServerTime(clock)
  const hold = new Hold(state, hotkey, log)
  const quiet = { onWish: () => undefined, onFull: () => undefined }
  const sync: Sync = new Sync({ control, session, hold, time, pulse, clock, log, trigger: new Trigger(clock), hotkey, report, news: () => nothing, ...quiet })
  await sync.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  return { perHour: requests / (clock.monotonicMs() / HOUR), pulse, fulls }
}

describe('an idle agent', () => {
  it('asks at most seven times an hour while its socket is up, reconnects and identity included', async () => {
    let reconnects = 0
    const { perHour } = await idle(200 * HOUR, (sync, path, clock) => {
      if (path === 'register') sync.socketUp()
      if (path !== 'sync' || clock.monotonicMs() < (reconnects + 1) * 12 * HOUR) return
      reconnects++ // the edge is deployed twice a day; the handshake is a request of its own
      sync.socketDown()
      sync.socketUp()
    })
    expect(reconnects).toBeGreaterThan(10)
    expect(perHour + reconnects / 200).toBeLessThanOrEqual(7)
    expect(perHour).toBeGreaterThan(6)
  })

  it('tells at once what its host became while a report of it was on its way', async () => {
    let changes = 0
    const { fulls } = await idle(HOUR, (sync, path) => {
      if (path === 'register') sync.socketUp()
      if (path === 'sync' && changes++ < 2) sync.hostChanged()
    })
    expect(fulls[2]).toBeLessThanOrEqual(2000)
    expect(fulls[3]).toBeGreaterThan(480_000) // and then rests
  })

  it('asks every minute while its socket is down', async () => {
    const { perHour } = await idle(20 * HOUR, () => undefined)
    expect(perHour).toBeGreaterThan(55)
    expect(perHour).toBeLessThan(66)
  })

  it('asks once a minute at most when the edge finds it too old, and says so', async () => {
    const { perHour, pulse } = await idle(20 * HOUR, (_, path) => {
      if (path === 'sync') throw new ControlError('agent_too_old', 'this edge speaks protocol 9', false)
    })
    expect(perHour).toBeLessThanOrEqual(61)
    expect(pulse.refusal).toMatchObject({ code: 'agent_too_old' })
    expect(pulse.ageS).toBeNull()
  })
})
