import { describe, expect, it } from 'vitest'
import type { EventView, ProblemBody } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { onOneEdge, readUntil, type TestEdge } from '../support/edge.ts'
import { Stream } from '../support/sse.ts'
import { until } from '../support/until.ts'

type Page = { items: EventView[]; next: number } & ProblemBody

let edge: TestEdge
onOneEdge((e) => {
  edge = e
})

let tenants = 0
/** A tenant of its own with a running rental on a miner of its own. */
async function tenant() {
  const key = await edge.key(`tenant-${++tenants}`)
  return { key, ...(await rent(key)) }
}
async function rent(key: string): Promise<{ id: string; miner: WireMiner; trace: string }> {
  const model = `GPU ${Math.random()}`
  const miner = await edge.miner(1, model)
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  await miner.obey()
  return { id: body.id, miner, trace: body.trace_id }
}

const page = async (key: string, query: string, headers?: Record<string, string>) => edge.call<Page>(key, 'GET', `/v1/events${query}`, undefined, headers)
const of = async (key: string, id: string, query = '') => (await edge.call<Page>(key, 'GET', `/v1/allocations/${id}/events${query}`)).body
const act = (key: string, id: string, verb: string, trace?: string, body?: object) =>
  edge.call(key, 'POST', `/v1/allocations/${id}/${verb}`, body, { prefer: 'wait=0', ...(trace && { traceparent: `00-${trace}-${'1'.repeat(16)}-01` }) })
const trace = (digit: string) => digit.repeat(32)
const follow = (key: string, query = '', headers?: Record<string, string>) => Stream.open(`${edge.url}/v1/events${query}`, key, headers)

describe('what happened to an allocation', () => {
  it('is told in words of its own, and one trace leads from what was asked to what was done', async () => {
    const { key, id, miner, trace: first } = await tenant()
    for (const [verb, digit] of [
      ['pause', 'a'],
      ['resume', 'b'],
      ['restart', 'c'],
    ] as const) {
      await act(key, id, verb, trace(digit))
      await miner.obey()
    }
    await act(key, id, 'rekey', trace('d'), { ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMy2tTgrmtCG0u3qDYcI/VlCZ36wCEXQJbVhyd6vBbV'] })
    await miner.obey()
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0', traceparent: `00-${trace('e')}-${'1'.repeat(16)}-01` })
    const [tombstone] = await miner.sync()
    if (!tombstone) throw new Error('no wish')
    await miner.sync([miner.fact(tombstone, 'stopping')])
    await miner.sync([miner.fact(tombstone, 'gone')])
    const { items } = await of(key, id)
    expect(items.map((e) => [e.kind, e.trace_id])).toEqual([
      ['allocated', first],
      ['ready', first],
      ['pause_asked', trace('a')],
      ['paused', trace('a')],
      ['resume_asked', trace('b')],
      ['resumed', trace('b')],
      ['restart_asked', trace('c')],
      ['restarted', trace('c')],
      ['rekey_asked', trace('d')],
      ['rekeyed', trace('d')],
      ['stop_asked', trace('e')],
      ['phase', trace('e')],
      ['ended', trace('e')],
    ])
    expect(items.every((e, i) => i === 0 || e.id > (items[i - 1]?.id ?? 0))).toBe(true)
    const data = Object.fromEntries(items.map((e) => [e.kind, e.data]))
    expect(data).toMatchObject({ restart_asked: { n: 1 }, restarted: { n: 1 }, rekeyed: { n: 1 }, phase: { phase: 'stopping' }, ended: { reason: 'released' } })
    expect(JSON.stringify(items)).not.toContain('AAAAC3NzaC1lZDI1NTE5')
  })

  it('names every stage of coming up, how long each took, and why it failed', async () => {
    const key = await edge.key(`tenant-${++tenants}`)
    const model = `GPU ${Math.random()}`
    const miner = await edge.miner(1, model)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
    const [entry] = await miner.sync()
    if (!entry) throw new Error('no wish')
    for (const phase of ['pulling', 'creating', 'starting'] as const) {
      await miner.sync([miner.fact(entry, phase)])
      await miner.sync([miner.fact(entry, phase)])
    }
    const took = { pull: 1200, create: 30, start: 200 }
    await miner.sync([miner.fact(entry, 'running', { took })])
    await miner.sync([miner.fact(entry, 'failed', { error: { code: 'exited', message: 'exit code 1' } })])
    const { items } = await of(key, body.id)
    expect(items.map((e) => [e.kind, e.data['phase']])).toEqual([
      ['allocated', undefined],
      ['phase', 'pulling'],
      ['phase', 'creating'],
      ['phase', 'starting'],
      ['ready', 'running'],
      ['failed', 'failed'],
    ])
    expect(items[4]?.data).toMatchObject({ took, hotkey: miner.hotkey, incarnation: 1 })
    expect(items[5]?.data).toMatchObject({ error: 'exited', reason: 'lost' })
  })

  it('several things in one report are several events, and a report sent twice tells nothing twice', async () => {
    const { key, id, miner } = await tenant()
    await act(key, id, 'pause')
    await act(key, id, 'restart')
    await act(key, id, 'rekey', undefined, { ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMy2tTgrmtCG0u3qDYcI/VlCZ36wCEXQJbVhyd6vBbV'] })
    await miner.obey()
    await miner.obey()
    const [entry] = await miner.sync()
    if (entry?.kind !== 'container') throw new Error('no wish')
    await miner.sync([miner.fact(entry, 'paused')])
    await miner.sync([miner.fact(entry, 'paused', { restart_n: 1, keys_n: 1 })])
    await miner.sync([miner.fact(entry, 'paused', { restart_n: 1_000, keys_n: 1 })])
    const { items } = await of(key, id)
    expect(items.slice(2).map((e) => e.kind)).toEqual(['pause_asked', 'restart_asked', 'rekey_asked', 'paused', 'restarted', 'rekeyed'])
  })

  it('comes in pages, and is nobody else’s', async () => {
    const { key, id, miner } = await tenant()
    await act(key, id, 'pause')
    await miner.obey()
    const first = await of(key, id, '?limit=3')
    const rest = await of(key, id, `?after=${first.next}`)
    expect([...first.items, ...rest.items].map((e) => e.kind)).toEqual(['allocated', 'ready', 'pause_asked', 'paused'])
    expect(await of(key, id, `?after=${rest.next}`)).toEqual({ items: [], next: rest.next })
    const other = await edge.key(`tenant-${++tenants}`)
    expect(await of(other, id)).toMatchObject({ code: 'not_found' })
    expect((await page(other, '?after=0')).body).toEqual({ items: [], next: 0 })
    expect((await page(other, `?after=0&allocation=${id}`)).body.items).toEqual([])
    expect(await page(key, '?after=-1')).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
  })
})

describe('GET /v1/events', () => {
  it('begins now unless told, and waits for what comes', async () => {
    const { key, id } = await tenant()
    const start = await page(key, '')
    expect(start.body.items).toEqual([])
    const waiting = page(key, `?after=${start.body.next}`, { prefer: 'wait=60' })
    await act(key, id, 'pause')
    const { body } = await waiting
    expect(body.items.map((e) => e.kind)).toEqual(['pause_asked'])
    expect(body.next).toBe(body.items[0]?.id)
    expect((await page(key, `?after=${body.next}`, { prefer: 'wait=1' })).body).toEqual({ items: [], next: body.next })
    expect((await page(key, '?after=0')).body.items.map((e) => e.kind)).toEqual(['allocated', 'ready', 'pause_asked'])
  })

  it('waits for another allocation too, and shows one alone when asked', async () => {
    const { key, id } = await tenant()
    const { next } = (await page(key, '')).body
    const waiting = page(key, `?after=${next}`, { prefer: 'wait=60' })
    const second = await rent(key)
    expect((await waiting).body.items[0]).toMatchObject({ kind: 'allocated', allocation_id: second.id })
    expect((await page(key, `?after=0&allocation=${id}`)).body.items.map((e) => e.allocation_id)).toEqual([id, id])
  })
})

describe('the stream', () => {
  it('carries each event as it happens, with its id and kind', async () => {
    const { key, id, miner } = await tenant()
    const stream = await follow(key)
    expect(stream.response.headers.get('content-type')).toContain('text/event-stream')
    await until('it began', () => stream.lastId !== '')
    await act(key, id, 'pause')
    await until('the wish is told', () => stream.events.length === 1)
    await miner.obey()
    await until('the fact is told', () => stream.events.length === 2)
    await stream.drop()
    expect(stream.events).toEqual((await of(key, id)).items.slice(2))
  })

  it('taken up again after every dropped line, it loses nothing and says nothing twice', async () => {
    const { key, id, miner } = await tenant()
    const got: EventView[] = []
    let stream = await follow(key)
    await until('it began', () => stream.lastId !== '')
    const rounds = 12
    for (let round = 0; round < rounds; round++) {
      const writing = act(key, id, round % 2 === 0 ? 'pause' : 'resume').then(() => miner.obey())
      if (round % 3 === 1) await stream.drop()
      await writing
      if (round % 3 === 2) await stream.drop()
      if (round % 3 === 0) continue
      await stream.drop()
      got.push(...stream.events)
      stream = await follow(key, '', { 'last-event-id': stream.lastId })
    }
    await until('all came', () => got.length + stream.events.length === 2 * rounds, 30_000)
    await stream.drop()
    got.push(...stream.events)
    expect(got).toEqual((await of(key, id)).items.slice(2))
  })

  it('that saw nothing yet resumes from where it began', async () => {
    const { key, id } = await tenant()
    const stream = await follow(key)
    await until('it began', () => stream.lastId !== '')
    await stream.drop()
    await act(key, id, 'pause')
    const again = await follow(key, '', { 'last-event-id': stream.lastId })
    await until('it comes', () => again.events.length === 1)
    await again.drop()
    expect(again.events).toMatchObject([{ kind: 'pause_asked' }])
  })

  it('can begin anywhere, be of one allocation, and is of one tenant', async () => {
    const { key, id } = await tenant()
    await rent(key)
    const other = await tenant()
    const [all, one] = [await follow(key, '?after=0'), await follow(key, `?after=0&allocation=${id}`)]
    await until('both caught up', () => all.events.length === 4 && one.events.length === 2)
    await act(other.key, other.id, 'pause')
    await act(key, id, 'pause')
    await until('both were told', () => all.events.length === 5 && one.events.length === 3)
    await Promise.all([all.drop(), one.drop()])
    expect(one.events.every((e) => e.allocation_id === id)).toBe(true)
  })

  it('says that it lives when nothing happens', async () => {
    const { key } = await tenant()
    const stream = await follow(key)
    await until('a sign of life', () => stream.text.includes(': nothing new'), 40_000)
    await stream.drop()
    expect(stream.events).toEqual([])
  })

  it('is refused as every request is', async () => {
    expect((await follow('wrong')).response.status).toBe(401)
    const { key } = await tenant()
    const bad = await follow(key, '', { 'last-event-id': 'yesterday' })
    expect(bad.response.status).toBe(422)
  })
})

it('the document names acts, events and the stream', async () => {
  const document = (await (await fetch(`${edge.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>
  }
  for (const verb of ['pause', 'resume', 'restart', 'rekey', 'extend']) {
    const responses = document.paths[`/v1/allocations/{id}/${verb}`]?.['post']?.responses ?? {}
    expect(Object.keys(responses), verb).toEqual(expect.arrayContaining(['200', '404', '409', '422', ...(verb === 'extend' ? [] : ['202'])]))
  }
  expect(Object.keys(document.paths['/v1/events']?.['get']?.responses['200']?.content ?? {})).toEqual(['application/json', 'text/event-stream'])
  expect(document.paths['/v1/allocations/{id}/events']).toBeDefined()
})

describe('who follows', () => {
  it('hears no more once its key is revoked', { timeout: 90_000 }, async () => {
    const name = `tenant-${++tenants}`
    const [key, kept] = [await edge.key(name), await edge.key(name)]
    const [stream, other] = [await follow(key), await follow(kept)]
    await until('both are answered', () => stream.text !== '' && other.text !== '')
    await edge.call(edge.adminKey, 'DELETE', `/admin/keys/${key.slice(0, 29)}`)
    await stream.ended
    const { id } = await rent(kept)
    await until('the other hears on', () => other.events.some((e) => e.allocation_id === id))
    expect(stream.events).toEqual([])
    await other.drop()
  })

  it('finds room for fifty of a tenant, whatever other tenants do, and again when one of them goes', { timeout: 60_000 }, async () => {
    const [key, other] = [await edge.key(`tenant-${++tenants}`), await edge.key(`tenant-${++tenants}`)]
    const streams: Stream[] = []
    while (streams.length < 50) streams.push(await follow(key))
    await until('all are answered', () => streams.every((s) => s.text !== ''))
    const next = () => edge.call<ProblemBody>(key, 'GET', '/v1/events?after=0', undefined, { prefer: 'wait=1' })
    expect(await readUntil(next, ({ status }) => status === 429)).toMatchObject({ body: { code: 'rate_limited', retryable: true } })
    expect((await page(key, '?after=0')).status).toBe(200)
    const free = await follow(other)
    expect(free.response.status).toBe(200)
    await Promise.all([free, ...streams].map((s) => s.drop()))
    await readUntil(next, ({ status }) => status === 200, 40_000)
  })
})
