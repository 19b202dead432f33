import { describe, expect, it } from 'vitest'
import type { AllocationView, ProblemBody, TakenOver } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
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

const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const kindsOf = async (id: string) => (await query(db.url, `SELECT kind FROM events WHERE allocation_id = '${id}' ORDER BY id`)).map((r) => r['kind'])
const liveClaims = async (id: string) =>
  Number((await query(db.url, `SELECT count(*) AS n FROM claims WHERE allocation_id = '${id}' AND freed_at IS NULL`))[0]?.['n'])

async function takeover(miner: WireMiner, from: string): Promise<{ status: number; body: TakenOver & ProblemBody }> {
  const response = await miner.send('POST', '/agent/takeover', { install: miner.install, from })
  return { status: response.status, body: (await response.json()) as TakenOver & ProblemBody }
}

/** A miner with one rental that runs, one that was released and not yet gone, and one on its way. */
async function busy(model: string) {
  const miner = await edge.miner(3, model)
  const allocate = async () => (await edge.allocate(key, { gpu: { count: 1, model } })).body.id
  const [ready, stopping] = [await allocate(), await allocate()]
  await miner.obey()
  await edge.call(key, 'DELETE', `/v1/allocations/${stopping}`, undefined, { prefer: 'wait=0' })
  return { miner, ready, stopping, placing: await allocate() }
}

describe('a takeover', () => {
  it('ends what was ready as lost, frees its GPUs, moves placements on and tells of it', async () => {
    const model = 'Model taken'
    const { miner: first, ready, stopping, placing } = await busy(model)
    const other = await edge.miner(1, model)
    const second = first.reborn()
    const refused = (await (await second.register()).json()) as ProblemBody
    expect(refused).toMatchObject({ code: 'agent_conflict' })
    expect(refused.detail).toContain(first.install)
    expect(refused.detail).toContain('compute miner takeover')

    expect(await takeover(second, first.install)).toEqual({ status: 200, body: { lost: [ready], moved: [placing] } })

    expect(await see(ready)).toMatchObject({ state: 'failed', end_reason: 'lost', endpoint: null, ended_at: expect.any(String) })
    expect(await see(stopping)).toMatchObject({ state: 'ended', end_reason: 'released' })
    expect(await see(placing)).toMatchObject({ hotkey: other.hotkey, incarnation: 2, tried: [{ hotkey: first.hotkey, reason: 'gone' }] })
    expect([await liveClaims(ready), await liveClaims(stopping)]).toEqual([0, 0])
    expect((await kindsOf(ready)).at(-1)).toBe('ended')
    expect((await kindsOf(stopping)).at(-1)).toBe('ended')
    expect((await kindsOf(placing)).at(-1)).toBe('failed_over')
    expect(await query(db.url, `SELECT actor, detail FROM audit WHERE action = 'takeover' AND subject = '${first.hotkey}'`)).toEqual([
      { actor: first.hotkey, detail: JSON.stringify({ install: second.install, from: first.install }) },
    ])

    const late = (await (await first.send('POST', '/agent/sync', first.report([]))).json()) as ProblemBody
    expect(late).toMatchObject({ code: 'agent_conflict' })
    expect((await second.register()).status).toBe(200)
    expect((await second.sync()).map((e) => e.kind)).toEqual(['tombstone']) // of the placement that moved on: answered with gone
    expect(await second.obey()).toEqual([])
    expect((await edge.allocate(key, { hotkey: second.hotkey, gpu: { count: 3 } })).status).toBe(202)
  })

  it('changes nothing when asked again, and nothing when it names another install than the one that speaks', async () => {
    const { miner: first, ready } = await busy('Model twice')
    const [second, third] = [first.reborn(), first.reborn()]
    const wrong = await takeover(second, third.install)
    expect(wrong).toMatchObject({ status: 409, body: { code: 'agent_conflict' } })
    expect(wrong.body.detail).toContain(first.install)
    expect((await see(ready)).state).toBe('running')

    expect((await takeover(second, first.install)).body.lost).toEqual([ready])
    const events = await kindsOf(ready)
    expect(await takeover(second, first.install)).toEqual({ status: 200, body: { lost: [], moved: [] } })
    expect(await takeover(third, first.install)).toMatchObject({ status: 409, body: { code: 'agent_conflict' } })
    expect(await kindsOf(ready)).toEqual(events)
    expect(await query(db.url, `SELECT 1 FROM audit WHERE action = 'takeover' AND subject = '${first.hotkey}'`)).toHaveLength(1)
  })

  it('happens once, however many installs ask at the same time', async () => {
    const { miner: first } = await busy('Model race')
    const installs = Array.from({ length: 8 }, () => first.reborn())
    const answers = await Promise.all(installs.map((m) => takeover(m, first.install)))
    expect(answers.map((a) => a.status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 409)])
  })

  it('back and forth is bounded: each is kept in the audit log for good', async () => {
    const first = await edge.miner(1)
    const second = first.reborn()
    const codes = new Set<string>()
    for (let i = 0; i < 24; i++) {
      const { status, body } = await (i % 2 === 0 ? takeover(second, first.install) : takeover(first, second.install))
      codes.add(status === 200 ? 'taken' : body.code)
    }
    expect(codes).toContain('rate_limited')
    const kept = await query(db.url, `SELECT 1 FROM audit WHERE action = 'takeover' AND subject = '${first.hotkey}'`)
    expect(kept.length).toBeLessThanOrEqual(20) // a minute may end in between
  })

  it('needs a hotkey that registered, and its own signature', async () => {
    const nobody = new WireMiner(edge)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: nobody.hotkey, role: 'miner' })
    expect((await takeover(nobody, new WireMiner(edge).install)).body.code).toBe('not_registered')
    const { miner } = await busy('Model thief')
    const thief = new WireMiner(edge)
    Object.assign(thief, { hotkey: miner.hotkey })
    expect((await takeover(thief, miner.install)).body.code).toBe('bad_signature')
  })
})
