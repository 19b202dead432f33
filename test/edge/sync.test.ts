import { describe, expect, it } from 'vitest'
import type { AllocationView } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { readUntil, onOneEdge, startTestEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string }
let edge: TestEdge
let key: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
  key = await edge.key('alice')
})

const codeOf = async (response: Response) => ((await response.json()) as { code?: string }).code
const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body

/** A rental on a miner of its own, running. */
async function rental(gpus = 1, model = `GPU ${Math.random()}`) {
  const miner = await edge.miner(gpus, model)
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  await miner.obey()
  return { miner, id: body.id, model }
}

describe('reports', () => {
  it('are taken in the order of seq only', async () => {
    const miner = await edge.miner(1)
    const early = miner.report([])
    const late = miner.report([])
    expect((await miner.send('POST', '/agent/sync', late)).status).toBe(200)
    expect(await codeOf(await miner.send('POST', '/agent/sync', early))).toBe('out_of_order')
    expect(await codeOf(await miner.send('POST', '/agent/sync', late))).toBe('out_of_order')
  })

  it('need a registration, by the same install', async () => {
    const first = await edge.miner(1)
    const second = new WireMiner(edge)
    Object.assign(second, { secret: first.secret, hotkey: first.hotkey })
    expect(await codeOf(await second.send('POST', '/agent/sync', second.report([])))).toBe('agent_conflict')
    expect(await codeOf(await second.register())).toBe('agent_conflict')
    await query(
      db.url,
      `UPDATE miners SET online = 'unreachable', online_at = 1, report_at = report_at - 601000, registered_at = registered_at - 601000 WHERE hotkey = '${first.hotkey}'`,
    )
    expect((await second.register()).status).toBe(200)
    expect(await codeOf(await first.send('POST', '/agent/sync', first.report([])))).toBe('agent_conflict')
    const third = new WireMiner(edge)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: third.hotkey, role: 'miner' })
    expect(await codeOf(await third.send('POST', '/agent/sync', third.report([])))).toBe('not_registered')
  })

  it('keep a second install out while something is rented there, however silent the first', async () => {
    const { miner } = await rental()
    const second = new WireMiner(edge)
    Object.assign(second, { secret: miner.secret, hotkey: miner.hotkey })
    await query(db.url, `UPDATE miners SET online = 'unreachable', online_at = 1, report_at = 1, registered_at = 1 WHERE hotkey = '${miner.hotkey}'`)
    expect(await codeOf(await second.register())).toBe('agent_conflict')
  })

  it('with a host key nobody vouched for are refused, naming the field', async () => {
    const { miner, id } = await rental()
    const [entry] = await miner.sync([])
    if (!entry) throw new Error('no wish')
    const fact = miner.fact(entry, 'running')
    const forged = { ...fact, endpoint: fact.endpoint && { ...fact.endpoint, port: 20_001 } }
    const response = await miner.send('POST', '/agent/sync', miner.report([forged]))
    expect(await response.json()).toMatchObject({ code: 'invalid_request', errors: [{ field: 'allocations.0.endpoint.signature' }] })
    expect((await see(id)).endpoint?.port).toBe(20_000)
  })

  it('of another protocol or shape are refused', async () => {
    const miner = await edge.miner(1)
    expect(await codeOf(await miner.send('POST', '/agent/sync', { ...miner.report([]), seq: 'x' }))).toBe('invalid_request')
    expect(await codeOf(await miner.send('POST', '/agent/sync', undefined, { body: '' }))).toBe('malformed_request')
  })

  it('may have fields this edge does not know', async () => {
    const miner = await edge.miner(1)
    expect((await miner.send('POST', '/agent/sync', { ...miner.report([]), mood: 'fine' })).status).toBe(200)
  })
})

describe('facts and GPUs', () => {
  it('a GPU is free only when the fact says gone and the wish agrees', async () => {
    const { miner, id, model } = await rental()
    const taken = async () => (await edge.allocate(key, { gpu: { count: 1, model } })).body.code
    const [entry] = await miner.sync([])
    if (!entry) throw new Error('no wish')
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    expect(await taken()).toBe('no_capacity')
    await miner.sync([miner.fact(entry, 'stopping')])
    expect(await taken()).toBe('no_capacity')
    await miner.sync([])
    expect(await taken()).toBe('no_capacity')
    await miner.sync([miner.fact(entry, 'gone')])
    expect(await taken()).toBeUndefined()
    expect((await see(id)).state).toBe('ended')
  })

  it('a rental that dies ends as failed, keeps its GPU until the container is gone, then gives it back', async () => {
    const { miner, id, model } = await rental()
    const [entry] = await miner.sync([])
    if (!entry) throw new Error('no wish')
    const before = miner.wish?.version ?? 0
    await miner.sync([miner.fact(entry, 'failed', { error: { code: 'exited', message: 'exit code 1' } })])
    expect(miner.wish?.version).toBeGreaterThan(before)
    expect(await see(id)).toMatchObject({ state: 'failed', end_reason: 'lost', error: { code: 'exited' } })
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).body.code).toBe('no_capacity')
    const wish = await miner.sync([miner.fact(entry, 'failed', { error: { code: 'exited', message: 'exit code 1' } })])
    expect(wish).toMatchObject([{ kind: 'tombstone', id }])
    await miner.sync([miner.fact(entry, 'gone')])
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).status).toBe(202)
  })

  it('what is about another incarnation, or another miner’s rental, changes nothing', async () => {
    const { miner, id } = await rental()
    const [entry] = await miner.sync([])
    if (!entry) throw new Error('no wish')
    await miner.sync([miner.fact({ ...entry, incarnation: 2 }, 'failed')])
    const other = await edge.miner(1)
    await other.sync([other.fact(entry, 'gone')])
    expect((await see(id)).state).toBe('running')
  })

  it('a failed look at the GPUs takes none away and offers none', async () => {
    const model = `GPU ${Math.random()}`
    const miner = await edge.miner(2, model)
    const { gpu } = miner.facts
    miner.facts = { ...miner.facts, gpu: { status: 'failed', message: 'NVML: Unknown Error' } }
    await miner.sync()
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).body.code).toBe('no_capacity')
    const [row] = await query(db.url, `SELECT count(*) AS n FROM gpus WHERE hotkey = '${miner.hotkey}' AND gone_at IS NULL`)
    expect(row).toMatchObject({ n: 2 })
    miner.facts = { ...miner.facts, gpu }
    await miner.sync()
    expect((await edge.allocate(key, { gpu: { count: 2, model } })).status).toBe(202)
  })

  it('a GPU that is not shown leaves the market at once, an allocated one stays with its tenant', async () => {
    const { miner, id, model } = await rental(2)
    const held = (await see(id)).gpus[0]?.uuid
    miner.facts = { ...miner.facts, gpu: { status: 'none' } }
    await miner.sync()
    const rows = (await query(db.url, `SELECT uuid, gone_at, missing FROM gpus WHERE hotkey = '${miner.hotkey}'`)) as {
      uuid: string
      gone_at: number | null
      missing: number
    }[]
    expect(rows.find((r) => r.uuid === held)).toMatchObject({ gone_at: null, missing: 1 })
    expect(rows.find((r) => r.uuid !== held)?.gone_at).not.toBeNull()
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).body.code).toBe('no_capacity')
  })

  it('nothing is written for a report that says nothing new', async () => {
    const { miner, id } = await rental()
    const factAt = async () => (await query(db.url, `SELECT fact_at FROM allocations WHERE id = '${id}'`))[0]
    const before = await factAt()
    await miner.obey()
    expect(await factAt()).toEqual(before)
  })
})

describe('the wish', () => {
  it('is a JWS by the edge for this hotkey and install, and its version grows with every change', async () => {
    const { miner } = await rental()
    await miner.sync([])
    expect(miner.wish).toMatchObject({ iss: edge.address, aud: miner.hotkey, install: miner.install, epoch: 1 })
    const before = miner.wish?.version ?? 0
    await edge.allocate(key, { hotkey: miner.hotkey }).then((a) => expect(a.body.code).toBe('no_capacity'))
    await miner.sync([])
    expect(miner.wish?.version).toBe(before)
    const [entry] = await miner.sync([])
    await edge.call(key, 'DELETE', `/v1/allocations/${entry?.id}`, undefined, { prefer: 'wait=0' })
    await miner.sync([])
    expect(miner.wish?.version).toBeGreaterThan(before)
  })

  it('never says what a container is for, nor whose it is', async () => {
    const { miner } = await rental()
    const text = JSON.stringify(await miner.sync([]))
    for (const secret of ['alice', 'rent', 'proof', 'purpose', 'holder']) expect(text).not.toContain(secret)
  })

  it('is kept from production edges with simulated GPUs or no isolation', async () => {
    const production = await startTestEdge(db.url, { vars: { ENVIRONMENT: 'production' } })
    const miner = new WireMiner(production)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    expect(await codeOf(await miner.register())).toBe('refused_facts')
    miner.facts = { ...miner.facts, simulated: false, driver: 'box' }
    expect(await codeOf(await miner.register())).toBe('refused_facts')
    miner.facts = { ...miner.facts, driver: 'docker' }
    expect((await miner.register()).status).toBe(200)
    await production.close()
  })
})

describe('expiry', () => {
  it('is asked by the sweep, and ended once the fact says gone', async () => {
    const { miner, id } = await rental()
    await query(db.url, `UPDATE allocations SET expires_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    expect(await see(id)).toMatchObject({ state: 'stopping', end_reason: 'expired' })
    await miner.obey()
    await edge.running.tick()
    expect(
      await readUntil(
        () => see(id),
        (a) => a.state === 'ended',
      ),
    ).toMatchObject({ end_reason: 'expired' })
  })
})
