import { describe, expect, it } from 'vitest'
import { proofState, verdictStatement, verifyBytes } from '../../schema/index.ts'
import type { WishRun } from '../../schema/index.ts'
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
const provedAt = async (hotkey: string) => (await sql(`SELECT proved_at FROM gpus WHERE hotkey = '${hotkey}' ORDER BY idx`)).map((r) => r['proved_at'])

describe('a proof', () => {
  it('goes all the way: opened, ready, go, committed, closed, gone', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(2, 'Whole way')
    const before = Date.now()
    const opened = await validator.open(miner.hotkey)
    expect(opened).toMatchObject({ http: 201, state: 'starting', hotkey: miner.hotkey, incarnation: 1, endpoint: null, reason: null, go_at_ms: null })
    expect(opened.gpus.map((g) => [g.model, g.vram_mb, g.simulated, g.rented_ms])).toEqual([
      ['Whole way', 143_771, true, 0],
      ['Whole way', 143_771, true, 0],
    ])
    expect(opened.ends_at_ms - opened.opened_at_ms).toBe(5 * 60_000)
    const { http: _, retryAfter: __, ...bare } = opened
    expect(proofState.parse(bare)).toEqual(bare)
    expect((await validator.go(opened.id)).code, 'nothing answers yet').toBe('conflict')

    const waiting = validator.look(opened.id, 20)
    await miner.obey()
    const ready = await waiting
    expect(ready).toMatchObject({ http: 200, state: 'ready', endpoint: { host: '127.0.0.1', port: 20_000, user: 'root' } })

    expect((await validator.committed(ready.id)).code, 'no go before').toBe('conflict')
    const gone = await validator.go(ready.id)
    expect(gone.go_at_ms).toBeGreaterThanOrEqual(before)
    const committed = await validator.committed(ready.id)
    expect(committed.committed_at_ms).toBeGreaterThanOrEqual(gone.go_at_ms ?? Infinity)
    const closed = await validator.close(ready)
    expect(closed).toMatchObject({ http: 200, state: 'closed', endpoint: null, closed_at_ms: expect.any(Number) })
    expect(await provedAt(miner.hotkey)).toEqual([closed.closed_at_ms, closed.closed_at_ms])

    expect(await miner.sync(), 'the wish says stop').toMatchObject([{ kind: 'tombstone', id: ready.id }])
    expect(await sql(`SELECT claimed_by FROM gpus WHERE hotkey = '${miner.hotkey}' AND claimed_by IS NULL`), 'a stop is no fact').toEqual([])
    await miner.obey()
    expect(await sql(`SELECT count(*) AS n FROM gpus WHERE hotkey = '${miner.hotkey}' AND claimed_by IS NULL`)).toEqual([{ n: 2 }])
    expect((await validator.look(ready.id)).state).toBe('closed')
  })

  it('is not ready while its container starts again, and its clock cannot start', async () => {
    const miner = await edge.miner(1)
    const { id } = await validator.open(miner.hotkey)
    const [entry] = await miner.obey()
    if (!entry) throw new Error('no wish')
    expect((await validator.look(id)).state).toBe('ready')
    await miner.sync([miner.fact(entry, 'starting')])
    expect(await validator.look(id)).toMatchObject({ state: 'starting', endpoint: null })
    expect((await validator.go(id)).code).toBe('conflict')
    await miner.sync([miner.fact(entry, 'running')])
    const ready = await validator.look(id)
    expect(ready).toMatchObject({ state: 'ready', endpoint: { host: '127.0.0.1' } })
    await validator.close(ready, { result: 'failed' })
    await miner.obey()
  })

  it('leaves its verdict as it was signed', async () => {
    const miner = await edge.miner(1)
    const { id } = await proved(validator, miner, { text: 'Zahlen stimmen: 2 × größer', measured: { tops: 1.5, gbs: 2, vram_gb: 3.25 }, flags: ['x'] })
    const [row] = await sql(`SELECT verdict, result FROM proofs WHERE id = '${id}'`)
    const kept = JSON.parse(String(row?.['verdict']))
    expect(verifyBytes(validator.hotkey, new TextEncoder().encode(verdictStatement(kept)), kept.signature)).toBe(true)
    expect(row?.['result']).toBe('valid')
  })

  it('is for the miner a rent like any other', async () => {
    const miner = await edge.miner(3, 'Two looks alike')
    const rent = await edge.allocate(key, { gpu: { count: 3, model: 'looks alike' } })
    const rentedAt = Date.now()
    const [rented] = (await miner.obey()) as WishRun[]
    await edge.call(key, 'DELETE', `/v1/allocations/${rent.body.id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    const { id } = await validator.open(miner.hotkey)
    const openedAt = Date.now()
    const [wished] = (await miner.obey()) as WishRun[]
    if (!rented || !wished) throw new Error('no wish')
    expect(wished.id).toBe(id)
    expect(Object.keys(wished)).toEqual(Object.keys(rented))
    const different = (Object.keys(wished) as (keyof WishRun)[]).filter((k) => JSON.stringify(wished[k]) !== JSON.stringify(rented[k]))
    expect(different.toSorted()).toEqual(['expires_at_ms', 'id', 'ssh_keys', 'trace'])
    expect(Math.abs(wished.expires_at_ms - openedAt - (rented.expires_at_ms - rentedAt))).toBeLessThan(10_000)
    const shape = (e: WishRun) => [e.id, e.trace, ...e.ssh_keys].map((s) => s.replaceAll(/[0-9a-zA-Z+/=]/g, 'x').length)
    expect(shape(wished)).toEqual(shape(rented))
    await validator.close(await validator.look(id), { result: 'failed' })
    await miner.obey()
  })

  it('is told to no tenant, stands in no list, and counts as rented nowhere', async () => {
    const miner = await edge.miner(2, 'Quiet model')
    // A tenant may bear any name, that of a validator too.
    const namesake = await edge.key(validator.hotkey)
    const events = async () => (await sql('SELECT count(*) AS n FROM events'))[0]?.['n']
    const before = await events()
    const ready = await readyProof(validator, miner)
    expect((await edge.call<{ items: unknown[] }>(namesake, 'GET', '/v1/allocations')).body.items).toEqual([])
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/pause'],
      ['POST', '/restart'],
      ['GET', '/events'],
    ])
      expect((await edge.call(namesake, method ?? '', `/v1/allocations/${ready.id}${path}`)).status, `${method} ${path}`).toBe(404)
    const [mine] = (await stateOf(validator)).miners.filter((m) => m.hotkey === miner.hotkey)
    expect(mine?.gpus.map((g) => [g.rented, g.rented_ms])).toEqual([
      [false, 0],
      [false, 0],
    ])
    // Whoever rents sees cards that are taken, and not what for.
    const offer = (await edge.call<{ items: { free: number }[] }>(key, 'GET', `/v1/gpus?hotkey=${miner.hotkey}`)).body.items
    expect(offer).toMatchObject([{ free: 0, total: 2 }])
    await sql(`UPDATE claims SET claimed_at = claimed_at - 3600000 WHERE allocation_id = '${ready.id}'`)
    await validator.go(ready.id)
    await validator.close(ready, { result: 'failed' })
    await miner.obey()
    await edge.running.tick()
    expect(await sql(`SELECT rented_ms FROM gpus WHERE hotkey = '${miner.hotkey}'`)).toEqual([{ rented_ms: 0 }, { rented_ms: 0 }])
    expect(await events()).toBe(before)
  })

  it('proves the free cards of a miner, and leaves its tenant alone', async () => {
    const miner = await edge.miner(4, 'Half rented')
    const rent = (await edge.allocate(key, { gpu: { count: 3, model: 'half rented' } })).body
    await miner.obey()
    const taken = new Set(rent.gpus.map((g) => g.uuid))
    const ready = await readyProof(validator, miner)
    expect(ready.gpus).toHaveLength(1)
    expect(ready.gpus.filter((g) => taken.has(g.uuid))).toEqual([])
    await validator.go(ready.id)
    await validator.committed(ready.id)
    await validator.close(ready)
    const wish = await miner.sync()
    expect(wish.map((e) => e.kind)).toEqual(['container', 'tombstone'])
    expect((await provedAt(miner.hotkey)).filter((at) => at !== null)).toHaveLength(1)
    expect((await edge.call<{ items: unknown[] }>(key, 'GET', `/v1/gpus?hotkey=${miner.hotkey}`)).body.items, 'three of four were never proved').toMatchObject([
      { proof_age_s: null },
    ])
    await miner.obey()
  })

  it('is as old as the time since in which its card was not rented', async () => {
    const miner = await edge.miner(1, 'Aging model')
    await proved(validator, miner)
    const age = async () =>
      (await edge.call<{ items: { proof_age_s: number }[] }>(key, 'GET', `/v1/gpus?hotkey=${miner.hotkey}`)).body.items[0]?.proof_age_s ?? Number.NaN
    expect(await age()).toBeLessThan(60)
    const hours = (n: number) => n * 3600_000
    await sql(`UPDATE gpus SET proved_at = proved_at - ${hours(5)} WHERE hotkey = '${miner.hotkey}'`)
    expect(Math.round((await age()) / 3600)).toBe(5)
    const rent = (await edge.allocate(key, { gpu: { count: 1, model: 'aging model' } })).body
    await miner.obey()
    await sql(`UPDATE claims SET claimed_at = claimed_at - ${hours(3)} WHERE allocation_id = '${rent.id}'`)
    expect(Math.round((await age()) / 3600), 'while it is rented').toBe(2)
    await edge.call(key, 'DELETE', `/v1/allocations/${rent.id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    expect(Math.round((await age()) / 3600), 'and after').toBe(2)
  })
})
