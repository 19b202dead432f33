import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, query, type Running } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import { idleRequests } from '../support/idle.ts'
import { Meter } from '../support/meter.ts'

let database: Running
let meter: Meter
let edge: TestEdge
let key: string
beforeAll(async () => {
  database = await databases()[0].start()
  meter = await Meter.before(database.url)
  edge = await startTestEdge(meter.url)
  key = await edge.key('alice')
})
afterAll(async () => {
  await edge?.close()
  await meter?.close()
  await database?.close()
})

async function rented(gpus = 1, model = `GPU ${Math.random()}`) {
  const miner = await edge.miner(gpus, model)
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  const [entry] = await miner.sync()
  if (!entry) throw new Error('no wish')
  const running = [miner.fact(entry, 'running')]
  await miner.sync(running)
  return { miner, id: body.id, running, entry, model }
}

describe('an idle sync', () => {
  it.each(['full', 'short'])('that is %s writes no row, with or without a tenant', async (kind) => {
    const facts = kind === 'full' ? {} : { facts: null }
    const empty = await edge.miner(8)
    const { miner, running } = await rented(8)
    await empty.sync([], facts)
    await miner.sync(running, facts)
    const before = await query(database.url, 'SELECT * FROM miners ORDER BY hotkey')
    meter.read()
    for (let i = 0; i < 5; i++) {
      expect(await empty.sync([], facts)).toEqual([])
      expect(await miner.sync(running, facts)).toHaveLength(1)
    }
    const { written, given } = meter.read()
    expect(written).toBe(0)
    expect(given / 10).toBeLessThanOrEqual(4)
    expect(await query(database.url, 'SELECT * FROM miners ORDER BY hotkey')).toEqual(before)
  })

  it('is one although free disk moves a little, and none when it moves much', async () => {
    const miner = await edge.miner(1)
    meter.read()
    miner.facts = { ...miner.facts, disk_free_mb: miner.facts.disk_free_mb - 1000 }
    await miner.sync()
    expect(meter.read().written).toBe(0)
    miner.facts = { ...miner.facts, disk_free_mb: 1_000_000 }
    await miner.sync()
    expect(meter.read().written).toBeGreaterThan(0)
    expect((await query(database.url, `SELECT disk_free_mb AS mb FROM miners WHERE hotkey = '${miner.hotkey}'`))[0]).toEqual({ mb: 1_000_000 })
  })

  it('brings the wish down, so a wake that was lost is made good', async () => {
    const model = 'Model deaf'
    const miner = await edge.miner(1, model)
    await miner.sync()
    const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
    meter.read()
    expect(await miner.sync()).toMatchObject([{ kind: 'container', id: body.id }])
    expect(meter.read().written).toBe(0)
  })

  it('has its place in the order of reports all the same', async () => {
    const miner = await edge.miner(1)
    const early = miner.report([])
    const late = miner.report([])
    expect((await miner.send('POST', '/agent/sync', late)).status).toBe(200)
    const answer = await miner.send('POST', '/agent/sync', early)
    expect(await answer.json()).toMatchObject({ code: 'out_of_order' })
  })

  it('is none after one that the database never took', async () => {
    const { miner, id, running, entry } = await rented()
    const degraded = [miner.fact(entry, 'running', { error: { code: 'exited', message: 'again' } })]
    await miner.sync(degraded)
    await query(database.url, `UPDATE miners SET report_digest = 'as.before' WHERE hotkey = '${miner.hotkey}'`)
    await query(database.url, `UPDATE allocations SET error = NULL WHERE id = '${id}'`)
    await miner.sync(running)
    await query(database.url, `UPDATE miners SET report_digest = 'as.before' WHERE hotkey = '${miner.hotkey}'`)
    meter.read()
    await miner.sync(running)
    expect(meter.read().written).toBeGreaterThan(0)
  })

  it('is none for a miner that the database has as unreachable, stale or held', async () => {
    const miner = await edge.miner(1)
    for (const change of ["online = 'unreachable'", 'fresh = 0', 'held_since = 1']) {
      await query(database.url, `UPDATE miners SET ${change} WHERE hotkey = '${miner.hotkey}'`)
      await miner.sync()
      const [row] = await query(database.url, `SELECT online, fresh, held_since FROM miners WHERE hotkey = '${miner.hotkey}'`)
      expect(row).toEqual({ online: 'online', fresh: 1, held_since: null })
    }
  })

  it('is none after a registration that said something else', async () => {
    const miner = await edge.miner(1)
    const { facts } = miner
    miner.facts = { ...facts, gpu: { status: 'failed', message: 'nvidia-smi: timeout' } }
    await miner.register()
    miner.facts = facts
    await miner.sync()
    expect((await query(database.url, `SELECT gpu_error FROM miners WHERE hotkey = '${miner.hotkey}'`))[0]).toEqual({ gpu_error: null })
  })

  it('is none while a GPU that is not there any more is on the books and nobody rents it', async () => {
    const { miner, running, entry, id } = await rented(2)
    const [first, second] = miner.facts.gpu.status === 'ok' ? miner.facts.gpu.gpus : []
    const claimed = (await query(database.url, `SELECT uuid FROM claims WHERE allocation_id = '${id}'`))[0]?.['uuid']
    const kept = first?.uuid === claimed ? second : first
    if (!kept) throw new Error('no GPU')
    miner.facts = { ...miner.facts, gpu: { status: 'ok', gpus: [kept] } }
    for (let i = 0; i < 4; i++) await miner.sync(running)
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await miner.sync([miner.fact(entry, 'gone')], { facts: null })
    await miner.sync([], { facts: null })
    await miner.sync([])
    expect(await query(database.url, `SELECT uuid FROM gpus WHERE hotkey = '${miner.hotkey}' AND gone_at IS NULL`)).toEqual([{ uuid: kept.uuid }])
    meter.read()
    await miner.sync([])
    expect(meter.read().written).toBe(0)
  })
})

describe('the agent', () => {
  it('with nothing to tell asks at most seven times an hour', async () => {
    const hours = 200
    const each = (await idleRequests(hours)) / hours
    expect(each).toBeLessThanOrEqual(7)
    expect(each).toBeGreaterThan(5)
  })
})
