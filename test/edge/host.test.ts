import { describe, expect, it } from 'vitest'
import { type AllocationView, type GpuFact, MISSING_REPORTS } from '../../schema/index.ts'
import { query } from '../support/database.ts'
import { onOneEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string }
let edge: TestEdge
let key: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
  key = await edge.key('alice')
})

const sql = (statement: string) => query(db.url, statement)
const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const kinds = async (id: string) => (await sql(`SELECT kind FROM events WHERE allocation_id = '${id}' ORDER BY id`)).map((r) => String(r['kind']))

async function rented(o: { gpus?: number; disk?: 'shared' | 'volume'; driver?: 'box' | 'docker' } = {}) {
  const model = `GPU ${Math.random()}`
  const miner = await edge.miner(o.gpus ?? 2, model)
  miner.facts = { ...miner.facts, disk: o.disk ?? 'volume', driver: o.driver ?? 'docker' }
  await miner.sync()
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  const [entry] = await miner.sync()
  if (!entry) throw new Error('no wish')
  const running = [miner.fact(entry, 'running')]
  await miner.sync(running)
  return { miner, id: body.id, entry, running, model }
}

describe('a GPU that its host does not show any more', () => {
  it('degrades its rental after three reports, though they all say the same, and never ends it', async () => {
    const { miner, id, running } = await rented()
    const { gpu } = miner.facts
    const lost = (await see(id)).gpus[0]?.uuid
    if (gpu.status !== 'ok') throw new Error('no GPUs')
    miner.facts = { ...miner.facts, gpu: { status: 'ok', gpus: gpu.gpus.filter((g) => g.uuid !== lost) } }
    for (let n = 1; n < MISSING_REPORTS; n++) {
      await miner.sync(running)
      expect((await see(id)).degraded).toBe(false)
    }
    await miner.sync(running)
    expect(await see(id)).toMatchObject({ degraded: true, state: 'running' })
    await miner.sync(running)
    const [event] = await sql(`SELECT data FROM events WHERE allocation_id = '${id}' AND kind = 'degraded'`)
    expect(JSON.parse(String(event?.['data']))).toEqual({ missing: [lost] })

    miner.facts = { ...miner.facts, gpu }
    await miner.sync(running)
    expect((await see(id)).degraded).toBe(false)
    expect((await kinds(id)).filter((k) => k === 'degraded' || k === 'recovered')).toEqual(['degraded', 'recovered'])
  })

  it('is not missed because nvidia-smi failed', async () => {
    const { miner, id, running } = await rented()
    miner.facts = { ...miner.facts, gpu: { status: 'failed', message: 'NVML' } }
    for (let n = 0; n <= MISSING_REPORTS; n++) await miner.sync(running)
    expect((await see(id)).degraded).toBe(false)
  })
})

describe('containers that a host cannot explain', () => {
  it('are told to stop when the edge knows that they are over, however often', async () => {
    const { miner, id, entry } = await rented()
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await miner.sync([miner.fact(entry, 'gone')])
    await edge.running.tick()
    expect(await see(id)).toMatchObject({ state: 'ended' })
    for (let n = 0; n < 2; n++) {
      const before = miner.wish?.version ?? 0
      expect(await miner.sync([], { unexplained: [{ id, incarnation: 1 }] })).toMatchObject([{ kind: 'tombstone', id, incarnation: 1 }])
      expect(miner.wish?.version).toBeGreaterThan(before)
      expect(await miner.sync([miner.fact(entry, 'gone')])).toEqual([])
    }
  })

  it('are left alone when it does not know them, or when they are somebody else’s', async () => {
    const { id, miner: host } = await rented()
    const liar = await edge.miner(1)
    expect(await liar.sync([], { unexplained: [{ id, incarnation: 1 }] })).toEqual([])
    expect(await liar.sync([], { unexplained: [{ id: 'al_01kzzzzzzzzzzzzzzzzzzzzzzz', incarnation: 1 }] })).toEqual([])
    expect(await host.sync([], { unexplained: [{ id, incarnation: 1 }] })).toMatchObject([{ kind: 'container', id }])
    expect(await sql(`SELECT 1 FROM tombstones WHERE allocation_id = '${id}'`)).toEqual([])
  })
})

describe('a host', () => {
  it.each([
    ['docker', 'shared', 'no_capacity'],
    ['docker', 'volume', undefined],
    ['box', 'shared', undefined],
  ] as const)('on %s with a %s disk: a second tenant hears %s', async (driver, disk, code) => {
    const { model } = await rented({ driver, disk, gpus: 3 })
    const other = await edge.key(`other-${driver}-${disk}`)
    const offered = async (who: string) => (await edge.call<{ total: number }>(who, 'GET', `/v1/gpus?model=${encodeURIComponent(model)}`)).body.total
    expect(await offered(other)).toBe(code ? 0 : 3)
    expect((await edge.allocate(other, { gpu: { count: 1, model } })).body.code).toBe(code)
    expect(await offered(key)).toBe(3)
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).status).toBe(202)
  })

  it('that makes up GPUs is refused them', async () => {
    const miner = await edge.miner(1)
    const invented = (from: number): GpuFact[] =>
      Array.from({ length: 64 }, (_, i) => ({ uuid: `GPU-invented-${from + i}`, index: i, model: 'Model invented', vram_mb: 1 }))
    for (let n = 0; n < 3; n++) {
      miner.facts = { ...miner.facts, gpu: { status: 'ok', gpus: invented(64 * n) } }
      await miner.sync()
    }
    miner.facts = { ...miner.facts, gpu: { status: 'ok', gpus: invented(1000) } }
    const refused = await miner.send('POST', '/agent/sync', miner.report([]))
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([422, 'refused_facts'])
    expect((await sql(`SELECT count(*) AS n FROM gpus WHERE hotkey = '${miner.hotkey}'`))[0]).toEqual({ n: 256 })
  })
})
