import { cp, readFile } from 'node:fs/promises'
import { setInterval } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { until } from '../support/until.ts'
import { GPUS, Market } from './market.ts'
import { Tenant } from './tenant.ts'

let market: Market
const tenant = new Tenant(() => market)
beforeAll(async () => {
  market = await Market.open()
}, 120_000)
afterAll(() => market?.close(), 120_000)

/** Whatever a story did, the next one begins with a market that works and is empty. */
afterEach(async () => {
  market.taps.edge.onRequest = () => undefined
  market.taps.edge.onAnswer = () => undefined
  await tenant.leave()
  await market.calm()
}, 120_000)

const on = async () => (await market.containers()).map((c) => c.allocation).toSorted()
const cases = [
  ['pause', 'paused'],
  ['resume', 'running'],
] as const

describe('an edge that is away', () => {
  test('ends nothing but what ran out, which its host ends alone; afterwards everybody agrees', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const stays = await tenant.rent({ lease_hours: 24 })
    const ends = await tenant.rent({ lease_hours: 8 / 3600 })
    await tenant.run(stays.id, 'echo mine > kept')
    await market.kill('edge')
    await until('the host ends what ran out', async () => (await on()).join() === stays.id, 60_000)
    expect(Date.now(), 'not before its time').toBeGreaterThanOrEqual(Date.parse(ends.expires_at))
    expect(await tenant.reads(stays.id, 'cat kept'), 'the other tenant sees nothing of it').toBe('mine')
    await market.kill('agent')
    await market.revive('agent') // as somebody does in two hours
    expect(await tenant.reads(stays.id, 'cat kept')).toBe('mine')
    await market.revive('edge')
    await tenant.settled(ends.id, 'ended')
    expect(await market.see(ends.id)).toMatchObject({ end_reason: 'expired' })
    expect(await tenant.events(ends.id)).toContain('ended')
    await tenant.settled(stays.id, 'running')
    expect(await market.see(stays.id)).toMatchObject({ endpoint: { port: stays.endpoint?.port }, incarnation: 1 })
    await eventually(async () => expect(await market.free()).toBe(GPUS - 1), 30_000)
  })
})

describe('what agent and edge say to each other', () => {
  const isSync = ({ path }: { path: string }) => path === '/agent/sync'

  /** Everything a tenant does, once around. */
  async function around(): Promise<void> {
    const view = await tenant.rent()
    await tenant.run(view.id, 'echo mine > kept')
    for (const [verb, state] of [...cases, ['restart', 'running'] as const]) {
      expect((await tenant.act(view.id, verb)).status).toBeLessThan(300)
      await tenant.settled(view.id, state)
    }
    expect(await tenant.reads(view.id, 'cat kept')).toBe('mine')
    expect(await market.starts(view.id), 'one start and one restart').toBe(2)
    await tenant.release(view.id)
    await tenant.settled(view.id, 'ended')
    expect(await on()).toEqual([])
    await eventually(async () => expect(await market.free()).toBe(GPUS))
  }

  test('may come twice', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const again: number[] = []
    market.taps.edge.onAnswer = async (e, repeat) => {
      if (isSync(e)) again.push(await repeat())
    }
    await around()
    expect(again.length).toBeGreaterThan(5)
    expect(new Set(again), 'a request that was heard before is refused as such').toEqual(new Set([401]))
  })

  test('may be cut in the middle, on the way there and on the way back', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    let n = 0
    const cut = { there: 0, back: 0 }
    market.taps.edge.onRequest = (e) => {
      if (!isSync(e) || ++n % 4 !== 1) return
      cut.there++
      e.body = e.body.slice(0, e.body.length / 2)
    }
    market.taps.edge.onAnswer = (e) => {
      if (!isSync(e) || n % 4 !== 3) return
      cut.back++
      e.answer = e.answer.slice(0, e.answer.length / 2)
    }
    await around()
    expect(Math.min(cut.there, cut.back)).toBeGreaterThan(0)
  })

  test('may come late and out of order: an old word undoes nothing', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const late: (() => Promise<number>)[] = []
    const said: number[] = []
    market.taps.edge.onAnswer = async (e, repeat) => {
      if (!isSync(e)) return
      late.push(repeat)
      if (late.length > 3) said.push(await (late.shift() ?? repeat)())
    }
    await around()
    expect(said.length).toBeGreaterThan(2)
    expect(said.every((status) => status === 401 || status === 409)).toBe(true)
  })
})

describe('a wake socket that is cut every second', () => {
  test('costs a tenant time and nothing else', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const view = await tenant.rent()
    const calm = new AbortController()
    const cut = { times: 0 }
    const cutting = (async () => {
      for await (const _ of setInterval(1000, null, { signal: calm.signal })) cut.times += market.taps.edge.cutTunnels()
    })().catch(() => undefined)
    while (cut.times < 3)
      for (const [verb, state] of cases) {
        await tenant.act(view.id, verb)
        await tenant.settled(view.id, state)
      }
    calm.abort()
    await cutting
    expect(await tenant.reads(view.id, 'echo here')).toBe('here')
    expect((await tenant.events(view.id)).filter((k) => k === 'unreachable' || k === 'failed_over')).toEqual([])
  })
})

describe('a second agent with the same hotkey', () => {
  test('is told to stay away, and the first one and its tenant notice nothing', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const view = await tenant.rent()
    const second = await market.secondAgent()
    try {
      await until('it says why', async () => (await readFile(second.log, 'utf8').catch(() => '')).includes('another install speaks for this hotkey'), 60_000)
      for (const [verb, state] of cases) {
        await tenant.act(view.id, verb)
        await tenant.settled(view.id, state)
      }
      expect(await on()).toEqual([view.id])
      expect(await market.free()).toBe(GPUS - 1)
    } finally {
      await second.stop()
    }
  })

  test('with a copy of its state, on another engine, does not begin', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const view = await tenant.rent()
    const second = await market.secondAgent((from, to) => cp(from, to, { recursive: true, filter: (path) => !/boxes|lock|\.sock/.test(path) }))
    try {
      const said = () => readFile(second.log, 'utf8').catch(() => '')
      await until(
        'it says why',
        async () => /1 rental\(s\) of this agent are on the container engine .*Start the agent with that engine/.test(await said()),
        60_000,
      )
    } finally {
      await second.stop()
    }
    await tenant.settled(view.id, 'running')
    expect(await tenant.reads(view.id, 'echo here')).toBe('here')
    expect(await market.free()).toBe(GPUS - 1)
  })
})
