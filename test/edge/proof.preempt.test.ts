import { describe, expect, it } from 'vitest'
import type { ProblemBody } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { onOneEdge, type TestEdge } from '../support/edge.ts'
import { proved, readyProof, validatorAt, type WireValidator } from '../support/wire-validator.ts'
import { stateOf } from '../support/publication.ts'

let edge: TestEdge
let db: { url: string }
let key: string
let validator: WireValidator
onOneEdge(async (e, database) => {
  edge = e
  db = database
  key = await edge.key('alice')
  validator = await validatorAt(edge)
})

const sql = (statement: string) => query(db.url, statement)
const rent = (model: string, count: number | 'all' = 1, by = key) => edge.allocate(by, { gpu: { count, model } })
const release = (id: string) => edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
const free = async (hotkey: string) => (await edge.call<{ items: { free: number }[] }>(key, 'GET', `/v1/gpus?hotkey=${hotkey}`)).body.items[0]?.free
const due = async (hotkey: string) => (await stateOf(validator)).miners.find((m) => m.hotkey === hotkey)?.proof_due
/** Forgets when proofs of a miner began, so that no limit holds the next one. */
const later = (hotkey: string) => sql(`UPDATE proofs SET opened_at = opened_at - 7200000 WHERE hotkey = '${hotkey}'`)
const model = () => `Model ${Math.random()}`

describe('a rent', () => {
  it('takes the cards of a proof before go; its host stops the one and starts the other', { timeout: 60_000 }, async () => {
    const name = model()
    const miner = await edge.miner(2, name)
    const ready = await readyProof(validator, miner)
    const { status, body } = await rent(name, 2)
    expect([status, body.hotkey, body.gpus.length]).toEqual([202, miner.hotkey, 2])
    expect(await validator.look(ready.id)).toMatchObject({ state: 'preempted', endpoint: null, go_at_ms: null })
    expect((await validator.go(ready.id)).code).toBe('conflict')
    const wish = await miner.sync()
    expect(wish.map((e) => [e.kind, e.id])).toEqual([
      ['tombstone', ready.id],
      ['container', body.id],
    ])
    await miner.obey()
    expect((await edge.call(key, 'GET', `/v1/allocations/${body.id}`)).body).toMatchObject({ state: 'running' })
    expect(await sql(`SELECT count(*) AS n FROM gpus WHERE claimed_by = '${body.id}'`)).toEqual([{ n: 2 }])
    // What is said of it afterwards is kept, and proves nothing.
    expect(await validator.close(ready)).toMatchObject({ http: 409, code: 'conflict' })
    expect(await validator.close(ready, { result: 'failed' })).toMatchObject({ http: 200, state: 'preempted' })
    expect(await sql(`SELECT proved_at FROM gpus WHERE claimed_by = '${body.id}'`)).toEqual([{ proved_at: null }, { proved_at: null }])
  })

  it('takes none after go, and none that somebody else can give', { timeout: 60_000 }, async () => {
    const name = model()
    const miner = await edge.miner(2, name)
    const other = await edge.miner(2, name)
    const ready = await readyProof(validator, miner)
    const elsewhere = await rent(name, 2)
    expect(elsewhere.body.hotkey).toBe(other.hotkey)
    expect((await validator.go(ready.id)).state).toBe('ready')
    expect((await rent(name)).body.code).toBe('no_capacity')
    expect((await validator.look(ready.id)).state).toBe('ready')
    await validator.close(ready, { result: 'failed' })
    expect((await rent(name)).body.code, 'its container is not gone yet').toBe('no_capacity')
    await miner.obey()
    expect((await rent(name, 'all')).body.hotkey).toBe(miner.hotkey)
  })

  it('of a whole host takes it from a proof, and one that its quota does not allow ends no proof', { timeout: 60_000 }, async () => {
    const name = model()
    const miner = await edge.miner(4, name)
    const { id } = await validator.open(miner.hotkey)
    const poor = await edge.key('poor', { max_gpus: 3 })
    expect((await rent(name, 'all', poor)).body.code).toBe('no_capacity')
    const full = await edge.key('full', { max_allocations: 1 })
    const elsewhere = model()
    await edge.miner(1, elsewhere)
    expect((await rent(elsewhere, 1, full)).status).toBe(202)
    const whileProved = [await rent(name, 1, full), await rent(name, 'all', poor)].map((r) => r.body)
    expect((await rent(name, 5)).body.code).toBe('no_capacity')
    expect((await validator.look(id)).state).toBe('starting')
    expect((await rent(name, 'all')).body.gpus).toHaveLength(4)
    expect((await validator.look(id)).state).toBe('preempted')
    const whileRented = [await rent(name, 1, full), await rent(name, 'all', poor)].map((r) => r.body)
    const words = ({ code, detail }: Pick<ProblemBody, 'code' | 'detail'>) => [code, detail]
    expect(whileProved.map(words), 'who has no quota cannot tell a proof from a rent').toEqual(whileRented.map(words))
  })

  it('that shares a disk takes it from a proof too', async () => {
    const name = model()
    const miner = await edge.miner(2, name)
    miner.facts = { ...miner.facts, disk: 'shared' }
    await miner.sync()
    const ready = await readyProof(validator, miner)
    expect((await rent(name)).body.hotkey).toBe(miner.hotkey)
    expect((await validator.look(ready.id)).state).toBe('preempted')
    await miner.obey()
    await later(miner.hotkey)
    expect(await validator.open(miner.hotkey), 'and no proof goes beside a tenant there').toMatchObject({
      code: 'proof_refused',
      detail: expect.stringContaining('disk'),
    })
  })

  it('waits for the third proof after two that gave way', { timeout: 60_000 }, async () => {
    const name = model()
    const miner = await edge.miner(1, name)
    for (const round of [1, 2]) {
      const { id } = await validator.open(miner.hotkey)
      const { body } = await rent(name)
      expect((await validator.look(id)).state, `round ${round}`).toBe('preempted')
      await release(body.id)
      await miner.obey()
    }
    const third = await readyProof(validator, miner)
    expect((await rent(name)).body.code).toBe('no_capacity')
    await validator.go(third.id)
    await validator.committed(third.id)
    await validator.close(third)
    await miner.obey()
    expect((await rent(name)).status).toBe(202)
    await miner.obey()
    await sql(`UPDATE allocations SET expires_at = 1 WHERE hotkey = '${miner.hotkey}' AND ended_at IS NULL`)
    await edge.running.tick()
    await miner.obey()
    await later(miner.hotkey)
    const fourth = await validator.open(miner.hotkey)
    expect((await rent(name)).status, 'one that came to something begins the count anew').toBe(202)
    expect((await validator.look(fourth.id)).state).toBe('preempted')
  })

  it('races with go, and one of the two wins', { timeout: 120_000 }, async () => {
    for (let i = 0; i < 12; i++) {
      const name = model()
      const miner = await edge.miner(2, name)
      const ready = await readyProof(validator, miner)
      const asks = [() => validator.go(ready.id), () => rent(name, 2)] as const
      const [gone, rented] = i % 2 ? await Promise.all([asks[0](), asks[1]()]) : await Promise.all([asks[1](), asks[0]()]).then(([a, b]) => [b, a] as const)
      const { state } = await validator.look(ready.id)
      const holders = (await sql(`SELECT DISTINCT allocation_id AS id FROM claims WHERE hotkey = '${miner.hotkey}' AND freed_at IS NULL`)).map((r) => r['id'])
      if (gone.http === 200) expect([rented.body.code, state, holders]).toEqual(['no_capacity', 'ready', [ready.id]])
      else expect([gone.code, rented.status, state, holders]).toEqual(['conflict', 202, 'preempted', [rented.body.id]])
      await validator.close(ready, { result: 'failed' })
      await miner.obey()
    }
  })
})

describe('a card that is given back', () => {
  /** Rented, running, given back, gone. */
  async function givenBack(name: string): Promise<WireMiner> {
    const miner = await edge.miner(1, name)
    await rentAndReturn(miner, name)
    return miner
  }
  async function rentAndReturn(miner: WireMiner, name: string): Promise<void> {
    const { body } = await rent(name)
    await miner.obey()
    await release(body.id)
    await miner.obey()
  }

  it('is kept for a proof when its proof is old, and then given to whoever asks', { timeout: 60_000 }, async () => {
    await proved(validator, await edge.miner(1))
    const name = model()
    const miner = await givenBack(name)
    expect(await due(miner.hotkey)).toBe(true)
    expect(await free(miner.hotkey)).toBe(0)
    expect((await rent(name)).body.code).toBe('no_capacity')
    const ready = await readyProof(validator, miner)
    expect((await rent(name)).body.code, 'nor while that proof is on its way').toBe('no_capacity')
    await validator.go(ready.id)
    await validator.committed(ready.id)
    await validator.close(ready)
    await miner.obey()
    expect([await due(miner.hotkey), await free(miner.hotkey)]).toEqual([false, 1])
    await rentAndReturn(miner, name)
    expect([await due(miner.hotkey), await free(miner.hotkey)], 'its proof is young').toEqual([false, 1])
    // The same card a day of unrented time later.
    await sql(`UPDATE gpus SET proved_at = proved_at - 90000000 WHERE hotkey = '${miner.hotkey}'`)
    expect(await due(miner.hotkey)).toBe(true)
    await sql(`UPDATE gpus SET rented_ms = rented_ms + 7200000 WHERE hotkey = '${miner.hotkey}'`)
    expect(await due(miner.hotkey), 'of which it was rented for two hours').toBe(false)
    await sql(`UPDATE gpus SET proved_at = proved_at - 604800000, rented_ms = rented_ms + 604800000 WHERE hotkey = '${miner.hotkey}'`)
    expect(await due(miner.hotkey), 'a week is too old, however long it was rented').toBe(true)
  })

  it('is kept for ten minutes at most', { timeout: 60_000 }, async () => {
    await proved(validator, await edge.miner(1))
    const name = model()
    const miner = await givenBack(name)
    expect(await free(miner.hotkey)).toBe(0)
    await sql(`UPDATE gpus SET released_at = released_at - 590000 WHERE hotkey = '${miner.hotkey}'`)
    expect([await due(miner.hotkey), await free(miner.hotkey)]).toEqual([true, 0])
    await sql(`UPDATE gpus SET released_at = released_at - 10000 WHERE hotkey = '${miner.hotkey}'`)
    expect([await due(miner.hotkey), await free(miner.hotkey)]).toEqual([false, 1])
    expect((await rent(name)).status).toBe(202)
  })

  it('is kept only while validators prove', { timeout: 60_000 }, async () => {
    await proved(validator, await edge.miner(1))
    const name = model()
    const miner = await givenBack(name)
    expect(await free(miner.hotkey)).toBe(0)
    await sql(`UPDATE proofs SET closed_at = closed_at - 7200000 WHERE closed_at IS NOT NULL`)
    expect([await due(miner.hotkey), await free(miner.hotkey)]).toEqual([false, 1])
    expect((await rent(name)).status).toBe(202)
  })

  it('is not kept any more once a proof had it, whatever came of that', { timeout: 60_000 }, async () => {
    await proved(validator, await edge.miner(1))
    const name = model()
    const miner = await givenBack(name)
    const ready = await readyProof(validator, miner)
    await validator.close(ready, { result: 'failed' })
    await miner.obey()
    expect([await due(miner.hotkey), await free(miner.hotkey)]).toEqual([false, 1])
  })

  it('of a rent that was never served is not kept', { timeout: 60_000 }, async () => {
    await proved(validator, await edge.miner(1))
    const name = model()
    const miner = await edge.miner(1, name)
    const { body } = await rent(name)
    await release(body.id)
    await miner.obey()
    expect(await free(miner.hotkey)).toBe(1)
  })
})
