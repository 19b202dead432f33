import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AllocationView, PROTOCOL, type ProblemBody, type Report } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
import { databases, query, type Running } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { hostFacts1, registered1, registration1, report1, wish1 } from '../support/wire1.ts'

/** A miner of protocol 1: sends only what it knew, and reads the wish as it would. */
class Miner1 extends WireMiner {
  override registration() {
    const { facts, ...rest } = super.registration()
    return registration1.parse({ ...rest, protocol: 1, facts: hostFacts1.parse(facts) }) as ReturnType<WireMiner['registration']>
  }

  override report(allocations: Report['allocations'], o: Partial<Report> = {}): Report {
    return report1.parse({ ...super.report(allocations, { protocol: 1, ...o }) }) as Report
  }

  override async sync(allocations: Report['allocations'] = [], o: Partial<Report> = {}) {
    const entries = await super.sync(allocations, o)
    wish1.parse(this.wish)
    return entries
  }
}

let database: Running
let edge: TestEdge
let key: string
beforeAll(async () => {
  database = await databases()[0].start()
  edge = await startTestEdge(database.url)
  key = await edge.key('alice')
})
afterAll(async () => {
  await edge?.close()
  await database?.close()
})

const see = async (id: string, at = edge) => (await at.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const statusOf = async (hotkey: string, at = edge) => (await at.call<{ status: string; protocol: number }>(key, 'GET', `/v1/miners/${hotkey}`)).body

async function miner1(model: string, at = edge): Promise<Miner1> {
  const miner = new Miner1({ url: at.url, address: at.address }, 2, model)
  await at.call(at.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
  const response = await miner.register()
  registered1.parse(await response.json())
  await miner.sync()
  return miner
}

async function rented(model: string) {
  const miner = await miner1(model)
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  await miner.obey()
  return { miner, id: body.id }
}

describe('an agent of protocol 1 at this edge', () => {
  it('registers, rents out, and is told to stop, in the words it knows', async () => {
    const { miner, id } = await rented('Model old')
    expect(miner.wish?.protocol).toBe(1)
    expect(await see(id)).toMatchObject({ state: 'running', endpoint: { host: '127.0.0.1' } })
    expect(await statusOf(miner.hotkey)).toMatchObject({ status: 'ready', protocol: 1, disk: 'shared', network: 'open' })
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    expect((await miner.obey()).map((e) => e.kind)).toEqual([])
    expect((await see(id)).state).toBe('ended')
  })

  it.each(['pause', 'resume', 'restart', 'rekey'])('is never asked to %s: the client is told why', async (act) => {
    const { miner, id } = await rented(`Model old ${act}`)
    const version = miner.wish?.version
    const body = act === 'rekey' ? { ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQyhm2PpPSgXlfdgMwkUu4ymSJTPLEoHnbw1+tZUa6H'] } : {}
    const refused = await edge.call<ProblemBody>(key, 'POST', `/v1/allocations/${id}/${act}`, body, { prefer: 'wait=0' })
    expect(refused).toMatchObject({ status: 409, body: { code: 'unsupported_by_miner' } })
    await miner.sync([])
    expect(miner.wish?.version).toBe(version)
  })

  it('can still be extended: that needs nothing of the agent', async () => {
    const { id } = await rented('Model old extend')
    const before = Date.parse((await see(id)).expires_at)
    const { status, body } = await edge.call<AllocationView>(key, 'POST', `/v1/allocations/${id}/extend`, { lease_hours: 48 })
    expect(status).toBe(200)
    expect(Date.parse(body.expires_at)).toBeGreaterThan(before)
  })

  it('keeps its rentals when its agent is upgraded', async () => {
    const { miner, id } = await rented('Model upgraded')
    const upgraded = new WireMiner(edge)
    Object.assign(upgraded, { secret: miner.secret, hotkey: miner.hotkey, install: miner.install, facts: miner.facts, seq: miner.seq })
    expect((await upgraded.register()).status).toBe(200)
    await upgraded.obey()
    expect(upgraded.wish?.protocol).toBe(PROTOCOL)
    expect((await see(id)).state).toBe('running')
    expect(await statusOf(miner.hotkey)).toMatchObject({ protocol: PROTOCOL, disk: 'volume', network: 'isolated' })
  })
})

describe('a newer agent than this edge', () => {
  it('is served: what it says beyond the protocol is left out', async () => {
    const miner = new WireMiner(edge)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    const response = await miner.send('POST', '/agent/register', { ...miner.registration(), protocol: 99, colour: 'blue' })
    expect(await response.json()).toMatchObject({ protocol: PROTOCOL })
    await miner.sync([], { protocol: 99, colour: 'blue' } as Partial<Report>)
    expect(miner.wish?.protocol).toBe(PROTOCOL)
  })
})

describe('an agent too old for this edge', () => {
  let next: TestEdge
  beforeAll(async () => {
    const constant = /PROTOCOL_OLDEST = 1\b/
    next = await startTestEdge(database.url, {
      rewrite: (script) => {
        if (!constant.test(script)) throw new Error('the oldest protocol is not where this test raises it')
        return script.replace(constant, 'PROTOCOL_OLDEST = 2')
      },
    })
  })
  afterAll(() => next?.close())

  it('is told to upgrade, takes nothing new, shows as too old, and what it runs lives on', async () => {
    const { miner, id } = await rented('Model too old')
    await edge
      .allocate(key, { gpu: { count: 1, model: 'too old' } })
      .then((a) => edge.call(key, 'DELETE', `/v1/allocations/${a.body.id}`, undefined, { prefer: 'wait=0' }))
    await miner.obey()

    const old = new Miner1({ url: next.url, address: next.address })
    Object.assign(old, { secret: miner.secret, hotkey: miner.hotkey, install: miner.install, facts: miner.facts, seq: miner.seq })
    const report = old.report([])
    for (const [path, body] of [['/agent/sync', { ...report, version: '0.0.9' }] as const, ['/agent/register', old.registration()] as const]) {
      const answer = await old.send('POST', path, body)
      expect(answer.status).toBe(426)
      expect(await answer.json()).toMatchObject({ code: 'agent_too_old', detail: expect.stringContaining('what it runs lives on') })
    }
    expect(await statusOf(old.hotkey, next)).toMatchObject({ status: 'too_old', protocol: 1 })
    expect((await next.allocate(key, { gpu: { count: 1, model: 'too old' } })).body.code).toBe('no_capacity')
    await next.running.tick()
    expect(await see(id, next)).toMatchObject({ state: 'running', unreachable_since: null })
    expect(await query(database.url, `SELECT version FROM miners WHERE hotkey = '${old.hotkey}'`)).toEqual([{ version: 'test' }])
  })

  it('is told so too when this edge cannot read a word of what it says', async () => {
    const { miner } = await rented('Model ancient')
    for (const path of ['/agent/sync', '/agent/register']) {
      const answer = await miner.send('POST', path, { protocol: 0, install: miner.install, version: '0.0.1', uptime: 'long' })
      expect(await answer.json()).toMatchObject({ status: 426, code: 'agent_too_old' })
    }
    expect(await statusOf(miner.hotkey)).toMatchObject({ status: 'too_old', protocol: 0, version: '0.0.1' })
    expect(await (await miner.send('POST', '/agent/sync', { protocol: 1, uptime: 'long' })).json()).toMatchObject({ status: 422, code: 'invalid_request' })
  })

  it('is a candidate again once it is upgraded', async () => {
    const miner = await miner1('Model caught up')
    const upgraded = new WireMiner({ url: next.url, address: next.address }, 2, 'Model caught up')
    Object.assign(upgraded, { secret: miner.secret, hotkey: miner.hotkey, install: miner.install, seq: miner.seq, facts: miner.facts })
    expect((await upgraded.register()).status).toBe(200)
    await upgraded.sync()
    expect((await next.allocate(key, { gpu: { count: 1, model: 'caught up' } })).status).toBe(202)
  })
})
