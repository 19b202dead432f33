import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { sign } from '@scure/sr25519'
import { describe, expect, it } from 'vitest'
import { type AllocationView, fingerprint, hostKeyStatement, type WishEntry } from '../../schema/index.ts'
import { HOST_KEY, nonceAt, WireMiner } from '../support/agent.ts'
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

const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const only = (entries: WishEntry[]): WishEntry => entries[0] ?? expect.fail('no wish')
const count = async (sql: string) => Number((await query(db.url, `SELECT count(*) AS n FROM ${sql}`))[0]?.['n'])

async function placed(model: string, body: object = {}) {
  const miner = await edge.miner(1, model)
  const { body: view } = await edge.allocate(key, { gpu: { count: 1, model }, ...body })
  return { miner, id: view.id, entry: only(await miner.sync([])) }
}

describe('a hostile or broken miner', () => {
  it.each([
    ['a second known_hosts line in its host key', `${HOST_KEY}\n@cert-authority * ${HOST_KEY}`],
    ['a host key that is none', 'ssh-ed25519 !!!'],
  ])('with %s is refused, naming the field', async (_, hostKey) => {
    const { miner, id, entry } = await placed(`Model ${hostKey.length}`)
    const at = { allocation: id, incarnation: 1, host: '127.0.0.1', port: 20_000, fingerprint: fingerprint(HOST_KEY) }
    const signature = `0x${Buffer.from(sign(miner.secret, hostKeyStatement(at))).toString('hex')}`
    const fact = miner.fact(entry, 'running', { endpoint: { host: at.host, port: at.port, user: 'root', host_key: hostKey, signature } })
    const answer = await miner.send('POST', '/agent/sync', miner.report([fact]))
    expect(answer.status).toBe(422)
    expect(await answer.json()).toMatchObject({ errors: [{ field: 'allocations.0.endpoint.host_key' }] })
    expect((await see(id)).endpoint).toBeNull()
  })

  it('cannot say running without saying where, nor one thing twice', async () => {
    const { miner, entry } = await placed('Model nowhere')
    const nowhere = await miner.send('POST', '/agent/sync', miner.report([miner.fact(entry, 'running', { endpoint: null })]))
    expect(await nowhere.json()).toMatchObject({ errors: [{ field: 'allocations.0.endpoint' }] })
    const twice = await miner.send('POST', '/agent/sync', miner.report([miner.fact(entry, 'creating'), miner.fact(entry, 'gone')]))
    expect(await twice.json()).toMatchObject({ errors: [{ field: 'allocations' }] })
  })

  it('that says gone before it was ready keeps no GPU for ever', async () => {
    const { miner, id, entry } = await placed('Model vanishing')
    await miner.sync([miner.fact(entry, 'gone')])
    expect(await see(id)).toMatchObject({ state: 'failed', end_reason: 'no_capacity' })
    expect((await edge.allocate(key, { gpu: { count: 1, model: 'Model vanishing' } })).status).toBe(202)
  })

  it('cannot have a key take more GPUs than its quota by failing over', async () => {
    const poor = await edge.key('poor', { max_gpus: 2 })
    const small = await edge.miner(1, 'Model quota')
    const { body } = await edge.allocate(poor, { gpu: { count: 'all', model: 'quota' } })
    await edge.miner(8, 'Model quota')
    const entry = only(await small.sync([]))
    await small.sync([small.fact(entry, 'failed', { error: { code: 'disk_full', message: '' } })])
    expect((await edge.call<AllocationView>(poor, 'GET', `/v1/allocations/${body.id}`)).body.state).toBe('failed')
    expect(await count(`claims WHERE allocation_id = '${body.id}' AND incarnation > 1`)).toBe(0)
  })

  it('a GPU last seen missing is not rented again until it is seen', async () => {
    const { miner, id, entry } = await placed('Model lost card')
    const { gpu } = miner.facts
    miner.facts = { ...miner.facts, gpu: { status: 'none' } }
    await miner.sync([miner.fact(entry, 'running')])
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await miner.sync([miner.fact(entry, 'gone')], { facts: null })
    expect((await edge.allocate(key, { gpu: { count: 1, model: 'lost card' } })).body.code).toBe('no_capacity')
    miner.facts = { ...miner.facts, gpu }
    await miner.sync()
    expect((await edge.allocate(key, { gpu: { count: 1, model: 'lost card' } })).status).toBe(202)
  })

  it('a second install does not take over twice in a row', async () => {
    const first = await edge.miner(1)
    await query(db.url, `UPDATE miners SET online = 'unreachable', online_at = 1, report_at = 1, registered_at = 1 WHERE hotkey = '${first.hotkey}'`)
    const [second, third] = [new WireMiner(edge), new WireMiner(edge)]
    for (const m of [second, third]) Object.assign(m, { secret: first.secret, hotkey: first.hotkey })
    expect((await second.register()).status).toBe(200)
    expect((await third.register()).status).toBe(409)
    expect((await first.register()).status).toBe(409)
  })

  it('strangers leave nothing in the Hub, and no big bodies at its door', async () => {
    const stranger = new WireMiner(edge)
    const nonce = nonceAt(Date.now())
    const codes = await Promise.all(
      [0, 1].map(async () => ((await (await stranger.send('POST', '/agent/sync', {}, { nonce })).json()) as { code: string }).code),
    )
    expect(codes).toEqual(['not_admitted', 'not_admitted'])
    const big = request(`${edge.url}/agent/wake`, { method: 'GET', headers: { 'content-length': '70000' } })
    big.end('x'.repeat(70_000))
    const [answer] = (await once(big, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(413)
    answer.destroy()
  })
})

describe('when things cross', () => {
  it('a failure told again after a lost answer is still heard', async () => {
    const { miner, id, entry } = await placed('Model deaf')
    await query(db.url, `UPDATE allocations SET phase = 'failed', fact_incarnation = 1, observed_generation = 1 WHERE id = '${id}'`)
    await miner.sync([miner.fact(entry, 'failed')])
    expect((await see(id)).state).toBe('failed')
  })

  it('many looks at one overdue placement move it once and tell it once', async () => {
    const { id } = await placed('Model crowd')
    await edge.miner(1, 'Model crowd')
    await query(db.url, `UPDATE allocations SET deadline_at = 1 WHERE id = '${id}'`)
    await Promise.all(Array.from({ length: 8 }, () => edge.running.tick()))
    expect(await see(id)).toMatchObject({ incarnation: 2, tried: [{ reason: 'silent' }] })
    expect(await count(`events WHERE allocation_id = '${id}' AND kind = 'failed_over'`)).toBe(1)
    expect(await count(`claims WHERE allocation_id = '${id}' AND freed_at IS NULL`)).toBe(2)
  })

  it('a lease that ends before it was ready leaves no deadline behind', async () => {
    const { miner, id, entry } = await placed('Model brief', { lease_hours: 0.0001 })
    await readUntil(
      () => see(id),
      (a) => Date.parse(a.expires_at) < Date.now(),
    )
    await miner.sync([miner.fact(entry, 'gone')])
    await edge.running.tick()
    expect(await count(`allocations WHERE id = '${id}' AND deadline_at IS NOT NULL`)).toBe(0)
  })

  it('a half-open socket does not silence the one that replaced it', async () => {
    const miner = await edge.miner(1, 'Model half open')
    const dead = await miner.socket()
    dead.pause() // its peer never reads, so the close is never answered
    const live = await miner.socket()
    const heard = new Promise((done) => live.once('message', (data) => done(String(data))))
    await edge.allocate(key, { gpu: { count: 1, model: 'half open' } })
    expect(await heard).toBe('go')
    dead.terminate()
    live.terminate()
  })

  it('a client with a rental that cannot be read back is told so, and not to try again', async () => {
    const model = 'Model unread'
    const away = await startTestEdge(db.url, { rewrite: (script) => breakReadsAfterClaim(script) })
    const miner = new WireMiner(away, 1, model)
    await away.call(away.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    await miner.register()
    const tenant = await away.key('unlucky')
    const answer = await away.allocate(tenant, { gpu: { count: 1, model } })
    expect(answer).toMatchObject({ status: 503, body: { code: 'unread', retryable: false } })
    expect(answer.body.detail).toContain('/v1/allocations/al_')
    await away.close()
  })

  it('a database that takes requests and stays silent is given up on', { timeout: 120_000 }, async () => {
    const silent: Server = createServer(() => undefined).listen(0, '127.0.0.1')
    await new Promise((done) => silent.once('listening', done))
    const stuck = await startTestEdge(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, {
      rewrite: (script) => script.replace('ANSWER_MS = 1e4', 'ANSWER_MS = 100'),
    })
    const answer = await stuck.call(stuck.adminKey, 'GET', '/admin/keys')
    expect(answer).toMatchObject({ status: 503, body: { code: 'database_unavailable' } })
    await stuck.close()
    silent.closeAllConnections()
    silent.close()
  })
})

/** Takes the reading of an allocation away, once something was claimed. */
function breakReadsAfterClaim(script: string): string {
  const read = 'async function allocationOf('
  if (!script.includes(read)) throw new Error('the read is not where this test breaks it')
  return script.replace(read, 'async function allocationOf() { throw new Error("gone away") }\nasync function allocationOfBefore(')
}

describe('an operator', () => {
  it('cannot turn a miner with tenants into a validator', async () => {
    const { miner } = await placed('Model turned')
    const turned = await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'validator' })
    expect(turned).toMatchObject({ status: 409, body: { code: 'conflict' } })
    expect(await miner.sync([])).toHaveLength(1)
  })

  it('finds one audit entry for each act that happened, and none for those that did not', async () => {
    const nobody = new WireMiner(edge).hotkey
    expect((await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${nobody}`)).status).toBe(404)
    expect(await count(`audit WHERE subject = '${nobody}'`)).toBe(0)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: nobody, role: 'miner' })
    expect(await count(`audit WHERE subject = '${nobody}'`)).toBe(1)
  })

  it('is in the audit log for each act, though all carry one trace', async () => {
    const hotkey = new WireMiner(edge).hotkey
    const headers = { traceparent: `00-${'5a'.repeat(16)}-${'cd'.repeat(8)}-01` }
    const allow = (role: string) => edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey, role }, headers)
    await allow('validator')
    await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${hotkey}`, undefined, headers)
    await allow('miner')
    const entries = await query(db.url, `SELECT action, detail FROM audit WHERE subject = '${hotkey}' ORDER BY id`)
    expect(entries.map((e) => `${String(e['action'])} ${String(e['detail'])}`)).toEqual(['allow {"role":"validator"}', 'disallow {}', 'allow {"role":"miner"}'])
  })

  it('a misspelt requirement is named, and one no host meets is said', async () => {
    expect((await edge.allocate(key, { gpu: { min_vram: 999 } })).body.errors).toMatchObject([{ field: 'gpu.min_vram' }])
    expect((await edge.allocate(key, { host: { min_disk_gb: 1_000_000 } })).body.detail).toContain('host.min_disk_gb 1000000')
  })

  it('an image that is sold out is not called unknown, however many others there are', async () => {
    const hoarder = await edge.miner(1, 'Model hoarder')
    const junk = Array.from({ length: 30 }, () => ({ reference: `junk/${randomBytes(4).toString('hex')}:1`, warm: false }))
    hoarder.facts = { ...hoarder.facts, images: [...junk, { reference: 'zz/sold-out:1', warm: true }] }
    await hoarder.sync()
    expect((await edge.allocate(key, { image: 'zz/sold-out:1', gpu: { count: 2 } })).body.code).toBe('no_capacity')
  })
})
