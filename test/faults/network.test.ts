import { cp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setInterval } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFailed, test } from 'vitest'
import type { AllocationView, EventView } from '../../schema/index.ts'
import { eventually } from '../support/eventually.ts'
import { keyPair, login } from '../support/ssh.ts'
import { until } from '../support/until.ts'
import { GPUS, Market } from './market.ts'

const pair = keyPair()
let market: Market
beforeAll(async () => {
  market = await Market.open()
}, 120_000)
afterAll(() => market?.close(), 120_000)

/** Whatever a story did, the next one begins with a market that works and is empty. */
afterEach(async () => {
  market.taps.edge.onRequest = () => undefined
  market.taps.edge.onAnswer = () => undefined
  const { items } = (await market.call<{ items: AllocationView[] }>('GET', '/v1/allocations?limit=200')).body
  for (const a of items) if (a.ended_at === null) await market.call('DELETE', `/v1/allocations/${a.id}`, undefined, { prefer: 'wait=60' })
  await market.calm()
}, 120_000)

async function rent(body: object = {}): Promise<AllocationView> {
  const answer = await market.call('POST', '/v1/allocations', { ssh_keys: [pair.public], ...body }, { prefer: 'wait=60' })
  expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 201, body: { state: 'running' } })
  return answer.body
}

const inside = async ({ endpoint }: AllocationView, command: string) => {
  if (!endpoint) throw new Error('it has no endpoint')
  return (await login({ port: endpoint.port, hostKey: endpoint.host_key, privateKey: pair.private }, command)).out.trim()
}

const settled = (id: string, state: string) => eventually(async () => expect(await market.see(id)).toMatchObject({ state, error: null }), 60_000)
const act = (id: string, verb: string, body: object = {}) => market.call('POST', `/v1/allocations/${id}/${verb}`, body, { prefer: 'wait=0' })
const kinds = async (id: string) => (await market.call<{ items: EventView[] }>('GET', `/v1/allocations/${id}/events`)).body.items.map((e) => e.kind)
const on = async () => (await market.containers()).map((c) => c.allocation).toSorted()

describe('an edge that is away', () => {
  test('ends nothing but what ran out, which its host ends alone; afterwards everybody agrees', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const stays = await rent({ lease_hours: 24 })
    const ends = await rent({ lease_hours: 8 / 3600 })
    await inside(stays, 'echo mine > kept')
    await market.kill('edge')
    await until('the host ends what ran out', async () => (await on()).join() === stays.id, 60_000)
    expect(Date.now(), 'not before its time').toBeGreaterThanOrEqual(Date.parse(ends.expires_at))
    expect(await inside(stays, 'cat kept'), 'the other tenant sees nothing of it').toBe('mine')
    await market.kill('agent')
    await market.revive('agent') // as somebody does in two hours
    expect(await inside(stays, 'cat kept')).toBe('mine')
    await market.revive('edge')
    await settled(ends.id, 'ended')
    expect(await market.see(ends.id)).toMatchObject({ end_reason: 'expired' })
    expect(await kinds(ends.id)).toContain('ended')
    await settled(stays.id, 'running')
    expect(await market.see(stays.id)).toMatchObject({ endpoint: { port: stays.endpoint?.port }, incarnation: 1 })
    await eventually(async () => expect(await market.free()).toBe(GPUS - 1), 30_000)
  })
})

describe('what agent and edge say to each other', () => {
  const isSync = ({ path }: { path: string }) => path === '/agent/sync'

  /** Everything a tenant does, once around. */
  async function around(): Promise<void> {
    const view = await rent()
    await inside(view, 'echo mine > kept')
    for (const [verb, state] of [
      ['pause', 'paused'],
      ['resume', 'running'],
      ['restart', 'running'],
    ] as const) {
      expect((await act(view.id, verb)).status).toBeLessThan(300)
      await eventually(async () => {
        const seen = await market.see(view.id)
        expect(seen).toMatchObject({ state, observed_generation: seen.generation, observed_restart_n: seen.restart_n })
      }, 60_000)
    }
    expect(await inside(view, 'cat kept')).toBe('mine')
    expect(await market.starts(view.id), 'one start and one restart').toBe(2)
    await market.call('DELETE', `/v1/allocations/${view.id}`, undefined, { prefer: 'wait=0' })
    await settled(view.id, 'ended')
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
    const view = await rent()
    const calm = new AbortController()
    const cutting = (async () => {
      for await (const _ of setInterval(1000, null, { signal: calm.signal })) market.taps.edge.cutTunnels()
    })().catch(() => undefined)
    for (const [verb, state] of [
      ['pause', 'paused'],
      ['resume', 'running'],
    ] as const) {
      await act(view.id, verb)
      await settled(view.id, state)
    }
    calm.abort()
    await cutting
    expect(await inside(view, 'echo here')).toBe('here')
    expect((await kinds(view.id)).filter((k) => k === 'unreachable' || k === 'failed_over')).toEqual([])
  })
})

describe('a second agent with the same hotkey', () => {
  test('is told to stay away, and the first one and its tenant notice nothing', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const view = await rent()
    const second = await market.secondAgent()
    try {
      await until('it says why', async () => (await readFile(second.log, 'utf8').catch(() => '')).includes('another install speaks for this hotkey'), 60_000)
      await act(view.id, 'pause')
      await settled(view.id, 'paused')
      await act(view.id, 'resume')
      await settled(view.id, 'running')
      expect(await on()).toEqual([view.id])
      expect(await market.free()).toBe(GPUS - 1)
    } finally {
      await second.stop()
    }
  })

  test('with a copy of its state is told apart by its numbers, and no tenant is lost', { timeout: 180_000 }, async () => {
    onTestFailed(async () => console.error(await market.logs()))
    const view = await rent()
    await inside(view, 'echo mine > kept')
    const second = await market.secondAgent((from, to) => cp(from, to, { recursive: true, filter: (path) => !/boxes|lock|\.sock/.test(path) }))
    try {
      await until('both wake', async () => /took over the wake socket/.test(await market.logs()), 60_000)
      expect(await inside(view, 'cat kept')).toBe('mine')
    } finally {
      await second.stop()
      await rm(join(market.folder, 'second'), { recursive: true, force: true })
    }
    await market.calm()
    await settled(view.id, 'running')
    expect(await inside(view, 'cat kept')).toBe('mine')
    expect(await market.free()).toBe(GPUS - 1)
  })
})
