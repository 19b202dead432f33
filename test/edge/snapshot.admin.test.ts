import { describe, expect, it, onTestFinished } from 'vitest'
import { explain, makeProgram } from '../../node-agents/cli/main.ts'
import { type AllocationView, type ProblemBody, type Snapshot, snapshotDigest } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import type { TestEdge } from '../support/edge.ts'
import { agree, rolesCheck, someone, standings, Subnet, trustingEdge } from '../support/snapshot.ts'

/** An edge that trusts two validators, and a subnet of twenty that it follows. */
async function world(vars: Record<string, string> = {}) {
  const database = await databases()[0].start()
  const { edge, keys } = await trustingEdge(database.url, 2, vars)
  onTestFinished(async () => {
    await edge.close()
    await database.close()
  })
  const subnet = new Subnet().join(...Array.from({ length: 20 }, someone))
  const said = (s: Snapshot) => agree(keys, s)
  expect(await said(subnet.now())).toMatchObject({ outcome: 'applied' })
  return { url: database.url, edge, subnet, said }
}

const standing = async (url: string, hotkey: string) => (await query(url, `SELECT role, standing, drained_by FROM agents WHERE hotkey = '${hotkey}'`))[0]
const metric = async (edge: TestEdge, name: string) => {
  const text = await (await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${edge.adminKey}` } })).text()
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (.*)$`, 'm').exec(text)?.[1])
}
const short = (s: Snapshot) => snapshotDigest(s).slice(0, 8)

/** A command of the CLI in the admin's name. */
async function cli(edge: TestEdge, ...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  let code = 0
  const io = {
    env: { COMPUTE_URL: edge.url, COMPUTE_API_KEY: edge.adminKey },
    out: (text: string) => void (said.out += `${text}\n`),
    err: (text: string) => void (said.err += `${text}\n`),
    nowMs: () => Date.now(),
    exit: (given: number) => void (code = given),
  }
  await makeProgram(io)
    .parseAsync(['admin', ...args], { from: 'user' })
    .catch((error: unknown) => (code = explain(error, io)))
  return { code, ...said }
}

describe('a snapshot that changes too much', () => {
  it('is held until a person accepts it, then done at once and whole', async () => {
    const { url, edge, subnet, said } = await world()
    const gone = subnet.neurons.slice(0, 10).map((n) => n.hotkey)
    const held = subnet.leave(...gone).next()
    expect(await said(held)).toMatchObject({ outcome: 'held', applied_block: 1000 })
    expect(await said(held)).toMatchObject({ outcome: 'held' })
    expect(await standings(url)).toEqual({ active: 20 })
    const red = await rolesCheck(edge)
    expect(red).toMatchObject({ ok: false, detail: expect.stringContaining('10 of 20 agents') })
    expect(red?.detail).toContain(`compute admin snapshot accept ${short(held)}`)
    expect(await metric(edge, 'compute_edge_snapshot_held')).toBe(1)

    const listed = await cli(edge, 'snapshot')
    expect(listed).toMatchObject({ code: 0, out: expect.stringMatching(new RegExp(`${short(held)} +1025 +held +2 of 2 +10 .*10 draining`)) })
    expect(listed.out).toContain(`compute admin snapshot ignore ${short(held)}`)
    const done = { code: 0, out: 'roles follow block 1025 now: 10 draining\n' }
    expect(await cli(edge, 'snapshot', 'accept', short(held))).toMatchObject(done)
    expect(await cli(edge, 'snapshot', 'accept', snapshotDigest(held))).toMatchObject(done)
    expect(await standings(url)).toEqual({ active: 10, draining: 10 })
    expect(await rolesCheck(edge)).toMatchObject({ ok: true })
    expect(await metric(edge, 'compute_edge_snapshot_held')).toBe(0)
    expect(await metric(edge, 'compute_edge_agents{role="miner",standing="draining"}')).toBe(10)
    expect(await metric(edge, 'compute_edge_snapshot_block')).toBe(1025)
    expect(await query(url, "SELECT actor, action FROM audit WHERE action LIKE 'snapshot%' ORDER BY id")).toMatchObject([
      { action: 'snapshot_applied' },
      { action: 'snapshot_held' },
      { action: 'snapshot_accepted', actor: 'root' },
    ])
    expect(await said(subnet.next())).toMatchObject({ outcome: 'applied' })
  })

  it('is dropped when a person ignores it, and confirms nothing later', async () => {
    const { url, edge, subnet, said } = await world()
    const all = [...subnet.neurons]
    const held = subnet.leave(...all.slice(0, 10).map((n) => n.hotkey)).next()
    await said(held)
    expect(await cli(edge, 'snapshot', 'ignore', short(held))).toMatchObject({ code: 0, out: expect.stringContaining('roles stay') })
    expect(await cli(edge, 'snapshot', 'ignore', short(held))).toMatchObject({ code: 0 })
    expect(await cli(edge, 'snapshot', 'accept', short(held))).toMatchObject({ code: 1, err: expect.stringContaining('was ignored') })
    expect(await said(held)).toMatchObject({ outcome: 'older' })
    expect(await rolesCheck(edge)).toMatchObject({ ok: true })
    // Two are gone in the next one as well: it is the first that counts, as the ignored one said nothing.
    subnet.neurons = all.slice(2)
    expect(await said(subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await standings(url)).toEqual({ active: 20 })
    expect(await said(subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await standings(url)).toEqual({ active: 18, draining: 2 })
  })

  it('is over when a later one passes, or is held in its place', async () => {
    const { url, edge, subnet, said } = await world()
    const all = [...subnet.neurons]
    const first = subnet.leave(...all.slice(0, 10).map((n) => n.hotkey)).next()
    const second = subnet.leave(...all.slice(10, 11).map((n) => n.hotkey)).next()
    await said(first)
    expect(await said(second)).toMatchObject({ outcome: 'held' })
    for (const what of ['accept', 'ignore']) {
      const { code, err } = await cli(edge, 'snapshot', what, short(first))
      expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining(`superseded by a later one; held now is ${short(second)} of block 1050`) })
    }
    subnet.neurons = all
    expect(await said(subnet.next())).toMatchObject({ outcome: 'applied' })
    expect(await cli(edge, 'snapshot', 'accept', short(second))).toMatchObject({ code: 1, err: expect.stringContaining('superseded') })
    expect(await standings(url)).toEqual({ active: 20 })
    expect(await rolesCheck(edge)).toMatchObject({ ok: true })
  })

  it.each([
    ['accept', { active: 10, draining: 10 }, 'snapshot_accepted'],
    ['ignore', { active: 20 }, 'snapshot_ignored'],
  ])('that a person decides about after the next that changes the same was held: %s is of that one', async (what, after, action) => {
    const { url, edge, subnet, said } = await world()
    const first = subnet.leave(...subnet.neurons.slice(0, 10).map((n) => n.hotkey)).next()
    await said(first)
    // Who is paid what changes all the time, and so the digest; who comes and goes does not.
    subnet.neurons = subnet.neurons.map((n) => ({ ...n, total_stake: '7' }))
    const later = subnet.next()
    expect(await said(later)).toMatchObject({ outcome: 'held' })
    for (const _ of ['once', 'and again'])
      expect(await cli(edge, 'snapshot', what, short(first))).toMatchObject({ code: 0, out: expect.stringContaining('block 1050') })
    expect(await standings(url)).toEqual(after)
    expect(await query(url, `SELECT subject FROM audit WHERE action = '${action}'`)).toEqual([{ subject: snapshotDigest(later) }])
  })

  it('is decided once when two people decide otherwise', async () => {
    const { url, edge, subnet, said } = await world()
    const held = subnet.leave(...subnet.neurons.slice(0, 10).map((n) => n.hotkey)).next()
    await said(held)
    const acts = ['accept', 'ignore', 'accept', 'ignore'].map((what) => edge.call(edge.adminKey, 'POST', `/admin/snapshots/${snapshotDigest(held)}/${what}`))
    const statuses = (await Promise.all(acts)).map((a) => a.status)
    const [{ state } = {}] = await query(url, `SELECT state FROM snapshots WHERE digest = '${snapshotDigest(held)}'`)
    expect(statuses).toEqual(state === 'applied' ? [200, 409, 200, 409] : [409, 200, 409, 200])
    expect(await standings(url)).toEqual(state === 'applied' ? { active: 10, draining: 10 } : { active: 20 })
    expect(await query(url, "SELECT 1 FROM audit WHERE action IN ('snapshot_accepted', 'snapshot_ignored')")).toHaveLength(1)
  })

  it('is named by enough of its digest, and only an admin sees it', async () => {
    const { edge } = await world()
    expect(await cli(edge, 'snapshot', 'accept', 'abc')).toMatchObject({ code: 2, err: expect.stringContaining('8 hex digits') })
    expect(await cli(edge, 'snapshot', 'ignore', '00000000')).toMatchObject({ code: 1, err: expect.stringContaining('no snapshot begins with') })
    const mallory = await edge.key('mallory')
    expect((await edge.call(mallory, 'GET', '/admin/snapshots')).status).toBe(403)
    expect((await edge.call(mallory, 'POST', '/admin/snapshots/00000000/accept')).status).toBe(403)
    expect(JSON.parse((await cli(edge, 'snapshot', 'list', '--json')).out)).toMatchObject({ needed: 2, items: [{ state: 'applied', block: 1000 }] })
  })
})

/** A miner that the chain let in, registered and with one report in. */
async function chainMiner(edge: TestEdge, subnet: Subnet, said: (s: Snapshot) => Promise<unknown>, model: string): Promise<WireMiner> {
  const miner = new WireMiner(edge, 2, model)
  await said(subnet.join(miner.hotkey).next())
  expect((await miner.register()).status).toBe(200)
  await miner.sync()
  return miner
}

describe('a miner', () => {
  it('that loses its uid finishes its rental, gets no new one, and returns', async () => {
    const { url, edge, subnet, said } = await world()
    const key = await edge.key('alice')
    await edge.miner(1, 'Model beside')
    const model = 'Model leaving'
    const want = { gpu: { count: 1, model } }
    const miner = await chainMiner(edge, subnet, said, model)
    const { id } = (await edge.allocate(key, want)).body
    await miner.obey()
    await said(subnet.leave(miner.hotkey).next())
    expect(await standing(url, miner.hotkey)).toMatchObject({ standing: 'active' })
    await said(subnet.next())
    expect(await standing(url, miner.hotkey)).toEqual({ role: 'miner', standing: 'draining', drained_by: 'chain' })

    expect((await edge.allocate(key, want)).body).toMatchObject({ code: 'no_capacity' })
    expect((await edge.call<{ items: unknown[] }>(key, 'GET', `/v1/gpus?hotkey=${miner.hotkey}`)).body.items).toEqual([])
    const shown = async () => (await edge.call<{ items: { hotkey: string }[] }>(key, 'GET', '/v1/miners')).body.items.filter((m) => m.hotkey === miner.hotkey)
    const view = async () => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
    await miner.obey()
    expect(await view()).toMatchObject({ state: 'running', hotkey: miner.hotkey })
    expect(await shown()).toMatchObject([{ hotkey: miner.hotkey, status: 'draining' }])
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    expect(await view()).toMatchObject({ state: 'ended' })
    expect(await shown(), 'it may never come back').toEqual([])
    expect(await metric(edge, 'compute_edge_miners{status="draining"}')).toBeNaN()
    expect((await edge.call<ProblemBody>(key, 'GET', `/v1/miners/${miner.hotkey}`)).body).toMatchObject({ code: 'not_found' })

    await said(subnet.join(miner.hotkey).next())
    expect(await standing(url, miner.hotkey)).toEqual({ role: 'miner', standing: 'active', drained_by: null })
    expect((await edge.allocate(key, want)).status).toBe(202)
    expect(await shown()).toMatchObject([{ hotkey: miner.hotkey, status: 'ready' }])
  })

  it('that becomes a validator while it is rented drains first', async () => {
    const { url, edge, subnet, said } = await world()
    const key = await edge.key('alice')
    const model = 'Model turning'
    const miner = await chainMiner(edge, subnet, said, model)
    const { id } = (await edge.allocate(key, { gpu: { count: 1, model } })).body
    await miner.obey()
    await said(subnet.validates(miner.hotkey).next())
    await said(subnet.next())
    expect(await standing(url, miner.hotkey)).toEqual({ role: 'miner', standing: 'draining', drained_by: 'chain' })
    await said(subnet.next())
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    await said(subnet.next())
    expect(await standing(url, miner.hotkey)).toEqual({ role: 'validator', standing: 'active', drained_by: null })
    expect(((await (await miner.send('POST', '/agent/sync', miner.report([]))).json()) as ProblemBody).code).toBe('wrong_role')
    expect((await edge.call<{ items: { hotkey: string }[] }>(key, 'GET', '/v1/miners')).body.items.map((m) => m.hotkey)).not.toContain(miner.hotkey)
  })

  it('that is new is not taken while roles are stale; who registered before is', async () => {
    const { url, edge, subnet, said } = await world()
    const known = await chainMiner(edge, subnet, said, 'Model known')
    const fresh = new WireMiner(edge)
    await said(subnet.join(fresh.hotkey).next())
    await query(url, `UPDATE snapshots SET chain_at = ${Date.now() - 6 * 3600_000 - 1000} WHERE state = 'applied'`)
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining('6 h old') })
    expect(await (await fresh.register()).json()).toMatchObject({ code: 'roles_stale', status: 503, retryable: true })
    expect((await known.register()).status).toBe(200)
    await known.sync()
    expect((await edge.miner(1, 'Model allowed')).wish).not.toBeNull()
    await said(subnet.next())
    expect(await rolesCheck(edge)).toMatchObject({ ok: true })
    expect((await fresh.register()).status).toBe(200)
  })
})

describe('outside development', () => {
  it('roles come from the chain: a person may only drain, and end a drain', async () => {
    const { url, edge, subnet, said } = await world({ ENVIRONMENT: 'production' })
    const [hotkey = '', other = ''] = subnet.neurons.map((n) => n.hotkey)
    const allow = (who: string, role = 'miner') => edge.call<ProblemBody>(edge.adminKey, 'POST', '/admin/allow', { hotkey: who, role })
    expect((await allow(someone())).body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('roles come from the chain here') })
    expect((await allow(hotkey, 'validator')).body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('it is a miner') })
    expect(await query(url, "SELECT 1 FROM audit WHERE action = 'allow'")).toEqual([])

    await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${hotkey}`)
    for (const s of [subnet.next(), subnet.leave(hotkey).next(), subnet.next(), subnet.join(hotkey).next()]) {
      await said(s)
      expect(await standing(url, hotkey)).toEqual({ role: 'miner', standing: 'draining', drained_by: 'operator' })
    }
    expect((await cli(edge, 'allow', 'list')).out).toMatch(new RegExp(`${hotkey} +miner +draining \\(operator\\) +snapshot`))
    expect((await allow(hotkey)).status).toBe(204)
    expect(await standing(url, hotkey)).toEqual({ role: 'miner', standing: 'active', drained_by: null })

    await said(subnet.leave(other).next())
    await said(subnet.next())
    expect((await allow(other)).body).toMatchObject({ code: 'forbidden', detail: expect.stringContaining('does not know it') })
    expect(await standing(url, other)).toMatchObject({ standing: 'draining', drained_by: 'chain' })
  })

  it('a person cannot end a drain by the chain, and hears so', async () => {
    const { url, edge, subnet, said } = await world({ ENVIRONMENT: 'production' })
    const [hotkey = ''] = subnet.neurons.map((n) => n.hotkey)
    await query(url, `UPDATE agents SET standing = 'draining', drained_by = 'chain' WHERE hotkey = '${hotkey}'`)
    const { status, body } = await edge.call<ProblemBody>(edge.adminKey, 'POST', '/admin/allow', { hotkey, role: 'miner' })
    expect({ status, detail: body.detail }).toEqual({ status: 403, detail: expect.stringContaining('once nothing is rented there') })
    expect(await query(url, "SELECT 1 FROM audit WHERE action = 'allow'")).toEqual([])
    await said(subnet.next())
    expect(await standing(url, hotkey)).toEqual({ role: 'miner', standing: 'active', drained_by: null })
  })

  it('whoever was allowed by hand before the chain was asked is as the chain says', async () => {
    const database = await databases()[0].start()
    const { edge, keys } = await trustingEdge(database.url, 1, { ENVIRONMENT: 'production' })
    onTestFinished(async () => {
      await edge.close()
      await database.close()
    })
    const [stays, goes] = [someone(), someone()]
    for (const h of [stays, goes]) await query(database.url, `INSERT INTO agents (hotkey, role, source, changed_at) VALUES ('${h}', 'miner', 'allow', 1)`)
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining('roles follow no snapshot') })
    await agree(keys, new Subnet().join(stays).now())
    expect(await query(database.url, `SELECT standing, source, drained_by FROM agents ORDER BY hotkey = '${goes}'`)).toEqual([
      { standing: 'active', source: 'snapshot', drained_by: null },
      { standing: 'draining', source: 'snapshot', drained_by: 'chain' },
    ])
  })

  it('an edge that trusts nobody says so', async () => {
    const database = await databases()[0].start()
    const { edge } = await trustingEdge(database.url, 0, { ENVIRONMENT: 'production' })
    onTestFinished(async () => {
      await edge.close()
      await database.close()
    })
    expect(await rolesCheck(edge)).toMatchObject({ ok: false, detail: expect.stringContaining('set TRUSTED_VALIDATORS') })
    const stranger = new WireMiner(edge)
    expect(await (await stranger.register()).json()).toMatchObject({ code: 'not_admitted', detail: expect.stringContaining('register it on subnet 27') })
  })
})
