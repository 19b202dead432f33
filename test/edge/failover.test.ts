import { describe, expect, it } from 'vitest'
import type { AllocationView } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { readUntil, onOneEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string }
let edge: TestEdge
let key: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
  key = await edge.key('alice')
})

const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body

async function two(model: string) {
  const miners = [await edge.miner(1, model), await edge.miner(1, model)]
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  const first = miners.find((m) => m.hotkey === body.hotkey) as WireMiner
  const second = miners.find((m) => m !== first) as WireMiner
  return { id: body.id, first, second }
}

const refuse = (code: 'image_refused' | 'disk_full' | 'no_port' | 'pull_failed') => ({ error: { code, message: `told to say ${code}` } })

describe('failover', () => {
  it.each(['image_refused', 'disk_full', 'no_port', 'pull_failed'] as const)(
    '%s: the next miner gets it, the first keeps a tombstone until it says gone',
    async (code) => {
      const { id, first, second } = await two(`Model ${code}`)
      const [entry] = await first.sync([])
      if (!entry) throw new Error('no wish')
      const wish = await first.sync([first.fact(entry, 'failed', refuse(code))])
      expect(wish).toMatchObject([{ kind: 'tombstone', id, incarnation: 1 }])
      const [next] = await second.sync([])
      expect(next).toMatchObject({ kind: 'container', id, incarnation: 2 })
      await second.obey()
      expect(await see(id)).toMatchObject({ state: 'running', hotkey: second.hotkey, incarnation: 2, tried: [{ hotkey: first.hotkey, reason: code }] })
      expect((await edge.allocate(key, { gpu: { count: 1, model: `Model ${code}` } })).body.code).toBe('no_capacity')
      expect(await first.sync([first.fact(entry, 'gone')])).toEqual([])
      expect((await edge.allocate(key, { gpu: { count: 1, model: `Model ${code}` } })).body.hotkey).toBe(first.hotkey)
    },
  )

  it('a late success of the skipped miner changes nothing', async () => {
    const { id, first, second } = await two('Model late')
    const [entry] = await first.sync([])
    if (!entry) throw new Error('no wish')
    await first.sync([first.fact(entry, 'failed', refuse('disk_full'))])
    await second.obey()
    await first.sync([first.fact(entry, 'running')])
    expect(await see(id)).toMatchObject({ state: 'running', hotkey: second.hotkey })
  })

  it('a silent miner is skipped by the alarm after 15 seconds, while the client waits', async () => {
    const { id, first, second } = await two('Model silent')
    const asked = edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`, undefined, { prefer: 'wait=60' })
    await readUntil(
      () => see(id),
      (a) => a.incarnation === 2,
      25_000,
    )
    await second.obey()
    expect((await asked).body).toMatchObject({ state: 'running', hotkey: second.hotkey, tried: [{ hotkey: first.hotkey, reason: 'silent' }] })
  })

  it('one that acknowledged but does not move is skipped; progress moves the deadline', async () => {
    const { id, first, second } = await two('Model stuck')
    const [entry] = await first.sync([])
    if (!entry) throw new Error('no wish')
    const deadline = async () => Number((await query(db.url, `SELECT deadline_at FROM allocations WHERE id = '${id}'`))[0]?.['deadline_at'])
    await first.sync([first.fact(entry, 'pulling', { progress: { stage: 'pull', current: 1, total: 10 } })])
    const before = await deadline()
    expect(before).toBeGreaterThan(Date.now() + 50_000)
    await new Promise((done) => setTimeout(done, 5))
    await first.sync([first.fact(entry, 'pulling', { progress: { stage: 'pull', current: 2, total: 10 } })])
    expect(await deadline()).toBeGreaterThan(before)
    await query(db.url, `UPDATE allocations SET deadline_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    await second.obey()
    expect(await see(id)).toMatchObject({ state: 'running', hotkey: second.hotkey, tried: [{ reason: 'no_progress' }] })
  })

  it('with nobody left it fails clearly, and nothing stays behind', async () => {
    const model = 'Model alone'
    const miner = await edge.miner(1, model)
    const answer = edge.allocate(key, { gpu: { count: 1, model } }, { prefer: 'wait=20' })
    const [entry] = await readUntil(
      () => miner.sync([]),
      (w) => w.length > 0,
    )
    if (!entry) throw new Error('no wish')
    await miner.sync([miner.fact(entry, 'failed', refuse('disk_full'))])
    expect(await answer).toMatchObject({
      status: 201,
      body: { state: 'failed', end_reason: 'no_capacity', error: { code: 'disk_full' }, tried: [{ reason: 'disk_full' }] },
    })
    expect(await miner.sync([])).toMatchObject([{ kind: 'tombstone' }])
    await miner.sync([miner.fact(entry, 'gone')])
    expect(await miner.sync([])).toEqual([])
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).status).toBe(202)
  })

  it('gives up when it was not ready in the time the client set', async () => {
    const model = 'Model slow'
    const miner = await edge.miner(1, model)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model }, ready_by_s: 5 })
    const [entry] = await miner.sync([])
    if (!entry) throw new Error('no wish')
    await miner.sync([miner.fact(entry, 'pulling')])
    expect(
      await readUntil(
        () => see(body.id),
        (a) => a.state === 'failed',
      ),
    ).toMatchObject({ end_reason: 'not_ready' })
  })

  it('released on the way, it stops where it was', async () => {
    const { id, first, second } = await two('Model changed mind')
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    expect(await first.sync([])).toMatchObject([{ kind: 'tombstone', id }])
    await first.obey()
    expect(await second.sync([])).toEqual([])
    expect((await see(id)).state).toBe('ended')
  })
})
