import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { startDatabase, type Database } from '../../local/database/server.ts'
import { migrate } from '../../local/database/migrate.ts'
import { makeKeys } from '../../local/edge/keys.ts'
import { startEdge } from '../../local/edge/start.ts'
import type { AllocationView } from '../../schema/index.ts'
import { IMAGE, WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { readUntil, startTestEdge, type TestEdge } from '../support/edge.ts'
import { Meter } from '../support/meter.ts'
import { quick, replaceOnce } from '../support/quick.ts'

let folder: string
let database: Database
let meter: Meter
let edge: TestEdge
let key: string
/** The database answers 502 to everything. */
let down = false

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'liveness-'))
  database = await startDatabase({ file: join(folder, 'test.db'), fault: () => (down ? { status: 502 } : undefined) })
  await migrate(database.url)
  meter = await Meter.before(database.url)
  edge = await startTestEdge(meter.url, { rewrite: quick() })
  key = await edge.key('alice')
})
afterAll(async () => {
  await edge?.close()
  await meter?.close()
  await database?.close()
  await rm(folder, { recursive: true, force: true })
})

const statusOf = async (hotkey: string) => (await edge.call<{ status: string }>(key, 'GET', `/v1/miners/${hotkey}`)).body.status
const becomes = (hotkey: string, status: string) =>
  readUntil(
    () => statusOf(hotkey),
    (s) => s === status,
    60_000,
  )
const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const kinds = async (id: string) => (await query(database.url, `SELECT kind FROM events WHERE allocation_id = '${id}' ORDER BY id`)).map((r) => r['kind'])

/** Pings like an agent does, only faster. */
function beat(ws: WebSocket): () => void {
  const timer = setInterval(() => ws.send('ping'), 200)
  return () => {
    clearInterval(timer)
    ws.terminate()
  }
}

describe('a silent miner', { timeout: 120_000 }, () => {
  it('is not kept alive by an install that lost its hotkey', async () => {
    const first = await edge.miner(1, 'Model twice')
    const stop = beat(await first.socket())
    const second = first.reborn()
    await second.send('POST', '/agent/takeover', { install: second.install, from: first.install })
    await second.sync()
    let refused = 0
    const insisting = setInterval(() => {
      void first.send('POST', '/agent/sync', first.report([])).then((r) => (refused += Number(r.status === 409)))
      void first.socket().catch(() => undefined)
    }, 700) // below its rate: what is refused for that is not heard either
    await becomes(first.hotkey, 'unreachable')
    clearInterval(insisting)
    stop()
    expect(refused).toBeGreaterThan(1)
  })

  it('is suspect, then unreachable, and so is what is rented there; its next sync brings it back', async () => {
    const model = 'Model silent'
    const miner = await edge.miner(2, model)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
    await miner.obey()
    await becomes(miner.hotkey, 'suspect')
    expect((await see(body.id)).state).toBe('running')
    await becomes(miner.hotkey, 'unreachable')
    await edge.running.tick()
    expect(await see(body.id)).toMatchObject({ state: 'unreachable', unreachable_since: expect.any(String), ended_at: null })
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).body.code).toBe('no_capacity')

    await miner.obey()
    expect(await statusOf(miner.hotkey)).toBe('ready')
    await edge.running.tick()
    expect(await see(body.id)).toMatchObject({ state: 'running', unreachable_since: null })
    expect((await kinds(body.id)).filter((k) => String(k).endsWith('reachable'))).toEqual(['unreachable', 'reachable'])
    expect((await edge.allocate(key, { gpu: { count: 1, model } })).status).toBe(202)
  })

  it('comes back with its socket alone', async () => {
    const miner = await edge.miner(1)
    await becomes(miner.hotkey, 'unreachable')
    const stop = beat(await miner.socket())
    await becomes(miner.hotkey, 'ready')
    stop()
  })

  it('is told of although the database was away when it was seen', async () => {
    const miner = await edge.miner(1)
    await becomes(miner.hotkey, 'suspect')
    down = true
    await readUntil(
      async () => edge.logs.some((l) => l.includes('liveness_untold')),
      (untold) => untold,
      60_000,
    )
    down = false
    await becomes(miner.hotkey, 'unreachable')
  })

  it('that the edge knows only from its database is looked at too', async () => {
    const lost = new WireMiner(edge, 1)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: lost.hotkey, role: 'miner' })
    await query(
      database.url,
      `INSERT INTO miners (hotkey, install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at)
       VALUES ('${lost.hotkey}', 'in', 2, 'v', 'docker', 'runc', 1, 'host', 1, 1, 1, 1)`,
    )
    await edge.running.tick()
    await becomes(lost.hotkey, 'unreachable')
  })
})

describe('a miner on its socket', { timeout: 120_000 }, () => {
  it('is there as long as it pings, and a ping writes nothing', async () => {
    const miner = await edge.miner(1)
    const stop = beat(await miner.socket())
    const other = await edge.miner(1)
    await becomes(other.hotkey, 'unreachable')
    expect(await statusOf(miner.hotkey)).toBe('ready')
    const [row] = await query(database.url, `SELECT online, online_at FROM miners WHERE hotkey = '${miner.hotkey}'`)
    expect(row).toEqual({ online: 'online', online_at: null })
    stop()
    await becomes(miner.hotkey, 'unreachable')
  })

  it('that flaps changes nothing in the database', async () => {
    const calm = await startTestEdge(meter.url)
    const miner = new WireMiner(calm, 1)
    await calm.call(calm.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    await miner.register()
    await miner.sync()
    const before = await query(database.url, `SELECT * FROM miners WHERE hotkey = '${miner.hotkey}'`)
    for (let i = 0; i < 30; i++) (await miner.socket()).terminate()
    expect(await query(database.url, `SELECT * FROM miners WHERE hotkey = '${miner.hotkey}'`)).toEqual(before)
    await calm.close()
  })

  it('may not ask for ever: a hotkey has a rate', async () => {
    const calm = await startTestEdge(meter.url, { rewrite: (script) => script.replace('AGENT_REQUESTS_PER_MINUTE = 240', 'AGENT_REQUESTS_PER_MINUTE = 10') })
    const miner = new WireMiner(calm, 1)
    await calm.call(calm.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    for (let i = 0; i < 10; i++) expect((await miner.register()).status).toBe(200)
    const refused = await miner.register()
    expect([refused.status, Number(refused.headers.get('retry-after'))]).toEqual([429, expect.toSatisfy((s: number) => s > 0 && s <= 60)])
    await calm.close()
  })
})

describe('a deploy', { timeout: 120_000 }, () => {
  it.each([
    ['by its version', (script: string) => replaceOnce(script, /BLIND_MS = 3 \* LIVENESS.watchMs/, 'BLIND_MS = Infinity')],
    ['by the time it saw nothing', (script: string) => replaceOnce(script, /last\d*\.version !== version\d*/, 'false')],
  ])('known %s calls nobody unreachable before everybody had time to come back', async (how, blinded) => {
    const { vars, fingerprint: _pin } = await makeKeys()
    const options = { vars: { ...vars, DATABASE_URL: database.url, ENVIRONMENT: 'development', DEFAULT_IMAGE: IMAGE }, persist: join(folder, how) }
    const at = (url: string) => ({ url, address: vars['EDGE_ADDRESS'] ?? '' })
    const online = async (hotkey: string) => (await query(database.url, `SELECT online FROM miners WHERE hotkey = '${hotkey}'`))[0]?.['online']
    const lookedAt = async () => {
      const [row] = await query(database.url, "SELECT max(value ->> '$.looked_at') AS at FROM json_each((SELECT value FROM settings WHERE name = 'shards'))")
      return Number(row?.['at'] ?? 0)
    }

    const before = await startEdge({ ...options, rewrite: quick() })
    const miner = new WireMiner(at(before.url), 1)
    await query(database.url, `INSERT INTO agents (hotkey, role, source, changed_at) VALUES ('${miner.hotkey}', 'miner', 'allow', 1)`)
    await miner.register()
    await miner.sync()
    await before.close()
    const closedAt = Date.now()
    const aWhile = 2000 // longer than a shard may go without a look
    await readUntil(
      async () => Date.now(),
      (now) => now > closedAt + aWhile,
    )

    const graceMs = 8000
    const after = await startEdge({ ...options, rewrite: (script) => blinded(quick({ graceMs })(script)) })
    const startedAt = Date.now()
    await readUntil(
      async () => after.tick().then(lookedAt),
      (looked) => looked > startedAt + 4500,
      60_000,
    )
    expect(await online(miner.hotkey)).toBe('suspect')
    await readUntil(
      () => online(miner.hotkey),
      (o) => o === 'unreachable',
      60_000,
    )
    expect(Date.now() - startedAt).toBeGreaterThan(graceMs)
    await after.close()
  })
})
