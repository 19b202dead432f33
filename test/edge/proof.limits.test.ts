import { describe, expect, it } from 'vitest'
import { hostFacts } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { onOneEdge, readUntil, type TestEdge } from '../support/edge.ts'
import { proved, readyProof, validatorAt, WireValidator } from '../support/wire-validator.ts'

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
const model = () => `Model ${Math.random()}`
/** As if every proof of this miner were so much older. */
const older = (hotkey: string, ms: number) =>
  sql(`UPDATE proofs SET opened_at = opened_at - ${ms}, ends_at = ends_at - ${ms}, ended_at = ended_at - ${ms} WHERE hotkey = '${hotkey}'`)
const refused = (detail: string) => ({ http: 409, code: 'proof_refused', retryable: true, detail: expect.stringContaining(detail) })
const MINUTE_MS = 60_000

describe('who may open a proof', () => {
  it('is an admitted validator, and no miner, stranger or one that drains', async () => {
    const miner = await edge.miner(1)
    const ask = { hotkey: miner.hotkey, ssh_key: WireValidator.newKey() }
    expect(await (await miner.send('POST', '/validator/proofs', ask)).json()).toMatchObject({ status: 403, code: 'wrong_role' })
    expect(await new WireValidator(edge).open(miner.hotkey)).toMatchObject({ http: 403, code: 'not_admitted' })
    const leaving = await validatorAt(edge)
    await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${leaving.hotkey}`)
    expect(await leaving.open(miner.hotkey)).toMatchObject(refused('it drains'))
    expect(
      (await fetch(`${edge.url}/validator/proofs`, { method: 'POST', body: JSON.stringify(ask), headers: { 'content-type': 'application/json' } })).status,
    ).toBe(401)
    expect(await sql(`SELECT 1 FROM proofs WHERE hotkey = '${miner.hotkey}'`)).toEqual([])
  })

  it('sends a key that OpenSSH can read, and nothing else with it', async () => {
    const miner = await edge.miner(1)
    for (const bad of ['command="x" ssh-ed25519 AAAA', 'ssh-ed25519 AAAA', '', `${WireValidator.newKey()}\n${WireValidator.newKey()}`])
      expect((await validator.open(miner.hotkey, bad)).code, bad).toBe('invalid_request')
  })
})

describe('a proof is refused', () => {
  it('for a miner that is not there, is not well, has no card free, or runs another image', async () => {
    expect(await validator.open(new WireValidator(edge).hotkey)).toMatchObject(refused('no such miner'))
    const name = model()
    const miner = await edge.miner(1, name)
    await miner.sync([], { engine: { ok: false, message: 'down' } })
    expect(await validator.open(miner.hotkey)).toMatchObject(refused('not healthy'))
    miner.facts = { ...miner.facts, images: [{ reference: 'other:1', warm: true }] }
    await miner.sync()
    expect(await validator.open(miner.hotkey)).toMatchObject(refused('it does not run compute-workspace:test'))
    miner.facts = { ...miner.facts, images: [{ reference: 'compute-workspace:test', warm: false }] }
    await miner.sync()
    await edge.allocate(key, { gpu: { count: 1, model: name } })
    const none = await validator.open(miner.hotkey)
    expect(none).toMatchObject(refused('none of its cards is free'))
    expect(none.retryAfter).toBe(String(none.retry_after_s))
    expect(Number(none.retryAfter)).toBeGreaterThan(0)
  })

  it('for cards that appear on a host that somebody has to himself', async () => {
    const name = model()
    const miner = await edge.miner(1, name)
    expect((await edge.allocate(key, { gpu: { count: 'all', model: name } })).status).toBe(202)
    const grown = hostFacts(miner.hotkey, 2, name)
    miner.facts = { ...miner.facts, gpu: grown.gpu }
    await miner.obey()
    expect(await validator.open(miner.hotkey)).toMatchObject(refused('the tenant it has shares neither the host nor its disk'))
  })

  it('while another is open, of two that ask at once one is let in, and the same request is given the same proof', { timeout: 60_000 }, async () => {
    const second = await validatorAt(edge)
    for (let i = 0; i < 5; i++) {
      const miner = await edge.miner(2)
      const answers = await Promise.all([validator.open(miner.hotkey), second.open(miner.hotkey)])
      expect(answers.map((a) => a.http).toSorted()).toEqual([201, 409])
      expect(answers.find((a) => a.http === 409)).toMatchObject(refused('another proof of this miner is open'))
      expect(await sql(`SELECT count(*) AS n FROM claims WHERE hotkey = '${miner.hotkey}' AND freed_at IS NULL`)).toEqual([{ n: 2 }])
    }
    const miner = await edge.miner(1)
    const ssh = WireValidator.newKey()
    const first = await validator.open(miner.hotkey, ssh)
    expect(await validator.open(miner.hotkey, ssh)).toMatchObject({ http: 201, id: first.id })
    expect(await second.open(miner.hotkey, ssh)).toMatchObject(refused('another proof'))
  })

  it('that a validator left open only until it asks anew, which counts for no pause', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    const left = await readyProof(validator, miner)
    await validator.go(left.id)
    expect(await validator.open(miner.hotkey)).toMatchObject({ ...refused('your last proof of it was still open'), retry_after_s: 5 })
    expect(await miner.sync(), 'its cards are let go at once').toMatchObject([{ kind: 'tombstone', id: left.id }])
    expect((await validator.committed(left.id)).code).toBe('conflict')
    expect(await validator.open(miner.hotkey), 'they are not back yet').toMatchObject({ ...refused('its cards are being given back'), retry_after_s: 10 })
    await miner.obey()
    expect((await validator.open(miner.hotkey)).http).toBe(201)
  })

  it('for an hour after one that the same validator began; others may', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    await proved(validator, miner)
    const again = await validator.open(miner.hotkey)
    expect(again).toMatchObject(refused('you proved it less than 60 minutes ago'))
    expect(again.retry_after_s).toBeGreaterThan(3500)
    expect(again.retry_after_s).toBeLessThanOrEqual(3600)
    await proved(await validatorAt(edge), miner)
    await older(miner.hotkey, 59 * MINUTE_MS)
    expect((await validator.open(miner.hotkey)).code).toBe('proof_refused')
    await older(miner.hotkey, MINUTE_MS)
    expect((await validator.open(miner.hotkey)).http).toBe(201)
  })

  it('after three of one validator within an hour, and six of all, of which the last three are for those who had none', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    const failing = async (by: WireValidator) => {
      const told = await by.open(miner.hotkey)
      if (told.http === 201) await by.close(told, { result: 'failed' })
      await miner.obey()
      return told
    }
    for (let i = 0; i < 3; i++) expect((await failing(validator)).http).toBe(201)
    expect(await failing(validator)).toMatchObject(refused('you began 3 proofs of it within an hour'))
    for (const other of [await validatorAt(edge), await validatorAt(edge), await validatorAt(edge)]) {
      expect((await failing(other)).http, 'two validators cannot take the places of all').toBe(201)
      expect(await failing(other)).toMatchObject(refused('for validators that opened none for long'))
    }
    expect(await failing(await validatorAt(edge))).toMatchObject(refused('6 proofs of it began within an hour'))
    await older(miner.hotkey, 60 * MINUTE_MS)
    expect((await failing(validator)).http).toBe(201)
  })

  it('when its validator has 64 open', async () => {
    const busy = await validatorAt(edge)
    const miner = await edge.miner(1)
    await sql(`INSERT INTO proofs (id, validator, hotkey, opened_at, ends_at, firm) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 64)
      SELECT 'x' || i, '${busy.hotkey}', 'h' || i, ${Date.now()}, ${Date.now() + 60_000}, 0 FROM n`)
    expect(await busy.open(miner.hotkey)).toMatchObject(refused('you have 64 proofs open'))
    await sql(`DELETE FROM proofs WHERE id LIKE 'x%'`)
    expect((await busy.open(miner.hotkey)).http).toBe(201)
  })
})

describe('a proof ends by itself', () => {
  it('after five minutes, when nobody closes it', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    const ready = await readyProof(validator, miner)
    await validator.go(ready.id)
    await sql(`UPDATE proofs SET ends_at = ${Date.now() + 10_000} WHERE id = '${ready.id}'`)
    await edge.running.tick()
    expect((await validator.look(ready.id)).state).toBe('ready')
    await sql(`UPDATE proofs SET ends_at = ${Date.now() - 1} WHERE id = '${ready.id}'`)
    expect((await validator.look(ready.id)).state, 'before any tick of cron').toBe('expired')
    expect((await validator.committed(ready.id)).code).toBe('conflict')
    const socket = await miner.socket()
    const woken = new Promise((done) => socket.once('message', done))
    await edge.running.tick()
    expect(String(await woken), 'its host hears of it at once').toBe('go')
    socket.close()
    expect(await validator.look(ready.id)).toMatchObject({ state: 'expired', endpoint: null })
    expect((await validator.close(ready)).code, 'too late').toBe('conflict')
    expect(await miner.sync()).toMatchObject([{ kind: 'tombstone', id: ready.id }])
    await miner.obey()
    expect((await (await validatorAt(edge)).open(miner.hotkey)).http).toBe(201)
  })

  it('and is closed too late as one that was open for too long', async () => {
    const miner = await edge.miner(1)
    const ready = await readyProof(validator, miner)
    await sql(`UPDATE proofs SET ends_at = ${Date.now() - 1} WHERE id = '${ready.id}'`)
    expect((await validator.close(ready, { result: 'failed' })).state).toBe('expired')
    expect(await miner.sync(), 'its cards are let go at once').toMatchObject([{ kind: 'tombstone' }])
  })

  it('and counts for the pause then, though it never came to go', async () => {
    const miner = await edge.miner(1)
    const { id } = await validator.open(miner.hotkey)
    await sql(`UPDATE proofs SET ends_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    await miner.obey()
    expect(await validator.open(miner.hotkey)).toMatchObject(refused('you proved it less than'))
  })

  it('when its miner keeps silent, and goes to no other miner', { timeout: 60_000 }, async () => {
    const name = model()
    const miner = await edge.miner(1, name)
    await edge.miner(1, name)
    const { id } = await validator.open(miner.hotkey)
    await sql(`UPDATE allocations SET deadline_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    expect(await validator.look(id)).toMatchObject({ state: 'failed', reason: 'silent', hotkey: miner.hotkey })
    expect(await sql(`SELECT hotkey, incarnation FROM allocations WHERE id = '${id}'`)).toEqual([{ hotkey: miner.hotkey, incarnation: 1 }])
    expect((await validator.close(await validator.look(id), { result: 'failed' })).state, 'closing it is no mistake').toBe('failed')
  })

  it('when its miner fails it, before it was ready or after; in words without control characters', { timeout: 60_000 }, async () => {
    const miner = await edge.miner(1)
    const { id } = await validator.open(miner.hotkey)
    const [entry] = await miner.sync()
    if (!entry) throw new Error('no wish')
    const message = `no \u001b[31m\n${'x'.repeat(900)}`
    await miner.sync([miner.fact(entry, 'failed', { error: { code: 'engine_error', message } })])
    const told = await readUntil(
      () => validator.look(id),
      (p) => p.state !== 'starting',
    )
    expect(told).toMatchObject({ state: 'failed', reason: expect.stringMatching(/^engine_error: no +\[31m x+$/) })
    expect(told.reason?.length).toBeLessThan(300)
    await miner.obey()

    const ready = await readyProof(validator, miner)
    await validator.go(ready.id)
    const [run] = await miner.sync()
    if (!run) throw new Error('no wish')
    await miner.sync([miner.fact(run, 'gone')])
    expect(await validator.look(ready.id)).toMatchObject({ state: 'failed', reason: 'lost' })
    expect((await validator.committed(ready.id)).code).toBe('conflict')
  })

  it('when its hotkey is taken over', async () => {
    const miner = await edge.miner(1)
    const ready = await readyProof(validator, miner)
    const second = miner.reborn()
    expect((await second.send('POST', '/agent/takeover', { install: second.install, from: miner.install })).status).toBe(200)
    expect((await validator.look(ready.id)).state).toBe('failed')
  })

  it('and is forgotten after three days, with its allocation and claims', async () => {
    const miner = await edge.miner(1)
    const { id } = await proved(validator, miner)
    await edge.running.tick()
    const old = 'al_00000000000000000000000000'
    await sql(`UPDATE claims SET allocation_id = '${old}' WHERE allocation_id = '${id}'`)
    const long = Date.now() - 73 * 3600_000
    await sql(`UPDATE allocations SET id = '${old}', ended_at = ${long} WHERE id = '${id}'`)
    await sql(`UPDATE proofs SET id = '${old}', ended_at = ${long} WHERE id = '${id}'`)
    const kept = await proved(await validatorAt(edge), miner)
    await edge.running.tick()
    expect(await sql(`SELECT p.id FROM proofs p JOIN allocations a ON a.id = p.id WHERE p.hotkey = '${miner.hotkey}'`)).toEqual([{ id: kept.id }])
    expect(
      await sql(
        `SELECT id FROM allocations WHERE id = '${old}' UNION SELECT id FROM proofs WHERE id = '${old}' UNION SELECT allocation_id FROM claims WHERE allocation_id = '${old}'`,
      ),
    ).toEqual([])
  })
})

it('32 proofs are opened, waited for, marked and closed at once', { timeout: 120_000 }, async () => {
  const fast = await validatorAt(edge)
  const miners = await Promise.all(Array.from({ length: 32 }, () => edge.miner(1)))
  const opened = await Promise.all(miners.map((m) => fast.open(m.hotkey)))
  expect(opened.map((p) => p.http)).toEqual(miners.map(() => 201))
  // Three minutes of asking every 20 seconds and one that asks too often: none of it is too much.
  for (let i = 0; i < 6; i++) await Promise.all(opened.map((p) => fast.look(p.id)))
  const waiting = Promise.all(opened.map((p) => fast.look(p.id, 20)))
  await Promise.all(miners.map((m) => m.obey()))
  const ready = await waiting
  expect(ready.map((p) => p.state)).toEqual(miners.map(() => 'ready'))
  for (const mark of [(id: string) => fast.go(id), (id: string) => fast.committed(id)])
    expect((await Promise.all(ready.map((p) => mark(p.id)))).map((p) => p.http)).toEqual(miners.map(() => 200))
  expect((await Promise.all(ready.map((p) => fast.close(p)))).map((p) => p.state)).toEqual(miners.map(() => 'closed'))
})
