import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../local/database/migrate.ts'
import { type Database, startDatabase } from '../../local/database/server.ts'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import { HOST_KEY, IMAGE, WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import { MemoryEngine } from '../support/driver.ts'
import { onOneEdge, readUntil, startTestEdge, type TestEdge } from '../support/edge.ts'
import { MinerWorld, type Running } from '../support/miner.ts'
import { until } from '../support/until.ts'

type Health = { ok: boolean; checks: { name: string; ok: boolean; detail: string }[] }
const restoredCheck = async (edge: TestEdge) => (await edge.call<Health>('', 'GET', '/health')).body.checks.find((c) => c.name === 'restored')
const restoreEpoch = (edge: TestEdge, headers: Record<string, string> = {}) =>
  edge.call<{ epoch: number }>(edge.adminKey, 'POST', '/admin/restore-epoch', undefined, headers)

describe('a database rolled back one hour, with an edge and an agent running on', () => {
  let folder: string
  let database: Database
  let edge: TestEdge
  let key: string
  let world: MinerWorld
  let agent: Running
  const file = () => join(folder, 'database.sqlite')

  const see = async (id: string) => (await edge.call<AllocationView & ProblemBody>(key, 'GET', `/v1/allocations/${id}`)).body
  const rent = async (name: string) => {
    const { body } = await edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [HOST_KEY], name, image: IMAGE }, { prefer: 'wait=60' })
    expect(body).toMatchObject({ state: 'running' })
    return body.id
  }

  /** The database is away while its file is taken or put back; the edge stays up, as it would. */
  async function withFile(act: () => Promise<void>): Promise<void> {
    const port = Number(new URL(database.url).port)
    await database.close()
    await act()
    database = await startDatabase({ file: file(), port })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'compute-epoch-'))
    database = await startDatabase({ file: file() })
    await migrate(database.url)
    edge = await startTestEdge(database.url)
    key = await edge.key('alice')
    const engine = new MemoryEngine()
    engine.images.add(IMAGE)
    world = await MinerWorld.make(engine)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: world.hotkey, role: 'miner' })
    agent = world.start({
      edge: { url: edge.url, pin: edge.fingerprint },
      images: [IMAGE],
      simulateGpu: { model: 'NVIDIA H200', count: 3, vramMb: 143_771 },
    })
    await readUntil(
      () => edge.call<{ free: number }>(key, 'GET', '/v1/gpus'),
      ({ body }) => body.free === 3,
    )
  })
  afterAll(async () => {
    await world?.close()
    await edge?.close()
    await database?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('loses no rental, makes none anew, and an operator is told what to do', { timeout: 180_000 }, async () => {
    const [kept, ended] = [await rent('kept'), await rent('ended')]
    const endpoint = (await see(kept)).endpoint
    await withFile(() => copyFile(file(), join(folder, 'an-hour-ago')))

    // The hour that will be lost: one rental ends, another begins, and a key is made.
    await edge.call(key, 'DELETE', `/v1/allocations/${ended}`)
    await until('it is gone from the host', () => world.engine.row(ended) === undefined)
    const begun = await rent('begun')
    const bob = await edge.key('bob')
    const made = [...world.engine.made]
    expect(await restoredCheck(edge)).toMatchObject({ ok: true })

    await withFile(async () => {
      for (const suffix of ['-wal', '-shm']) await rm(`${file()}${suffix}`, { force: true })
      await copyFile(join(folder, 'an-hour-ago'), file())
    })

    // Before anybody acts: containers run on, the agent keeps to what it knows, and health says what happened.
    await agent.stop() // begun anew, it reports at once instead of within ten minutes; and its memory is that of its disk
    agent = world.start({ edge: { url: edge.url, pin: edge.fingerprint }, images: [IMAGE], simulateGpu: { model: 'NVIDIA H200', count: 3, vramMb: 143_771 } })
    const check = await readUntil(
      () => restoredCheck(edge),
      (c) => c?.ok === false,
    )
    expect(check?.detail).toContain(world.hotkey)
    expect(check?.detail).toContain('compute admin restore-epoch')
    expect(await see(kept)).toMatchObject({ state: 'running', endpoint })
    expect((await see(begun)).code).toBe('not_found')
    expect((await edge.call(bob, 'GET', '/v1/gpus')).status).toBe(401)
    await until('the agent says that it holds a newer wish', () => agent.lines.some((l) => l.includes('which this agent holds')))
    expect(world.engine.rows.map((r) => r.allocation).sort()).toEqual([kept, begun].sort())

    // The operator begins a new epoch: the wish counts again.
    expect((await restoreEpoch(edge)).body).toEqual({ epoch: 2 })
    expect(await restoredCheck(edge)).toMatchObject({ ok: true })
    const gone = await readUntil(
      () => see(ended),
      (a) => a.state !== 'running',
      60_000,
    )
    expect(gone).toMatchObject({ state: 'failed', end_reason: 'lost' })
    expect(world.engine.made).toEqual(made) // nothing was made a second time
    expect(await see(kept)).toMatchObject({ state: 'running', endpoint })
    expect(world.engine.row(kept)?.state).toBe('running')

    // What was begun in the lost hour is held, not removed: somebody sits in it, and its GPU is given to nobody.
    await readUntil(
      () => query(database.url, 'SELECT unexplained FROM miners'),
      ([row]) => row?.['unexplained'] === 1,
      60_000,
    )
    expect(world.engine.row(begun)?.state).toBe('running')
    const held = world.engine.row(begun)?.spec.gpus
    const rush = await Promise.all(
      [1, 2].map(() => edge.call<AllocationView>(key, 'POST', '/v1/allocations', { ssh_keys: [HOST_KEY], image: IMAGE }, { prefer: 'wait=60' })),
    )
    const running = rush.map((r) => r.body).filter((a) => a.state === 'running')
    expect(running).toHaveLength(1)
    expect(running[0]?.gpus.map((g) => g.uuid)).not.toEqual(held)
    expect(world.engine.row(begun)?.state).toBe('running')
    expect((await query(database.url, "SELECT actor, detail FROM audit WHERE action = 'restore_epoch'"))[0]).toEqual({ actor: 'root', detail: '{"epoch":2}' })
  })
})

describe('the epoch', () => {
  let db: { url: string }
  let edge: TestEdge
  onOneEdge(async (e, database) => {
    edge = e
    db = database
  })
  const epoch = async () => Number((await query(db.url, "SELECT value FROM settings WHERE name = 'epoch'"))[0]?.['value'])

  it('rises once a request, however often the request comes, and leaves one entry in the audit log', async () => {
    const headers = { traceparent: `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01` }
    const before = await epoch()
    expect((await restoreEpoch(edge, headers)).body.epoch).toBe(before + 1)
    expect((await restoreEpoch(edge, headers)).body.epoch).toBe(before + 1)
    expect((await restoreEpoch(edge)).body.epoch).toBe(before + 2)
    expect(await query(db.url, "SELECT 1 FROM audit WHERE action = 'restore_epoch'")).toHaveLength(2)
  })

  it('rises above every one that a miner says it holds, and every miner gets a wish of it', async () => {
    const miner = await edge.miner(1)
    const now = await epoch()
    await miner.sync([], { wish: { epoch: now + 3, version: 1 } })
    expect(await restoredCheck(edge)).toMatchObject({ ok: false })
    expect((await restoreEpoch(edge)).body.epoch).toBe(now + 4)
    await miner.sync([])
    expect(miner.wish?.epoch).toBe(now + 4)
  })

  it('is not moved by a miner that claims what cannot be', async () => {
    const miner = await edge.miner(1)
    await miner.sync([], { wish: { epoch: Number.MAX_SAFE_INTEGER, version: 1 } })
    expect(await restoredCheck(edge)).toMatchObject({ ok: true })
  })

  it('names each miner that saw more, once', async () => {
    const [a, b] = [await edge.miner(1), await edge.miner(1)]
    for (const miner of [a, b, a]) await miner.sync([], { wish: { epoch: await epoch(), version: 1_000 } })
    const row = JSON.parse(String((await query(db.url, "SELECT value FROM settings WHERE name = 'restored'"))[0]?.['value'])) as { hotkeys: string[] }
    expect(row.hotkeys.sort()).toEqual([a.hotkey, b.hotkey].sort())
    expect((await restoredCheck(edge))?.detail).toContain('2 miners hold')
  })

  it('is for admins, and an ordinary sync says nothing about it', async () => {
    await restoreEpoch(edge)
    expect((await edge.call(await edge.key('mallory'), 'POST', '/admin/restore-epoch')).status).toBe(403)
    const miner = new WireMiner(edge)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    await miner.register()
    await miner.sync([], { wish: { epoch: await epoch(), version: 0 } })
    expect(await restoredCheck(edge)).toMatchObject({ ok: true })
  })
})

describe('one miner of many that says the database was restored', () => {
  let db: { url: string }
  let edge: TestEdge
  onOneEdge(async (e, database) => {
    edge = e
    db = database
  })
  const claims = (miner: WireMiner) => miner.sync([], { wish: { epoch: 1, version: 1_000_000 } })

  it('may lie: it alone turns nothing red; two do, and who is draining is not believed', async () => {
    const liars = [await edge.miner(1), await edge.miner(1), await edge.miner(1)] as const
    await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${liars[0].hotkey}`)
    await claims(liars[0])
    expect(await restoredCheck(edge)).toMatchObject({ ok: true, detail: 'no miner holds a wish newer than ours' })

    await query(
      db.url,
      "INSERT INTO agents (hotkey, role, source, changed_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30) SELECT 'h' || i, 'miner', 'allow', 1 FROM n",
    )
    await query(
      db.url,
      `INSERT INTO miners (hotkey, install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at)
       SELECT hotkey, 'in', 2, 'v', 'docker', 'runc', 1, 'a', 1, 1, 1, ${Date.now()} FROM agents WHERE hotkey LIKE 'h%'`,
    )
    await claims(liars[1])
    const alone = await restoredCheck(edge)
    expect(alone).toMatchObject({ ok: true })
    expect(alone?.detail).toContain(`compute admin allow remove ${liars[1].hotkey}`)
    await claims(liars[2])
    expect(await restoredCheck(edge)).toMatchObject({ ok: false })
  })
})

describe.each(databases())('events after a restore, on $name', ({ available, start }) => {
  it.skipIf(!available)('have ids above all that were given before, and are counted on', { timeout: 60_000 }, async () => {
    const database = await start()
    const edge = await startTestEdge(database.url)
    try {
      const key = await edge.key('alice')
      const reader = (await edge.call<{ secret: string }>(edge.adminKey, 'POST', '/admin/keys', { tenant: 'ops', scopes: ['metrics'] })).body.secret
      const total = async () => {
        const text = await (await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${reader}` } })).text()
        return Number(/^compute_edge_events_total (\d+)$/m.exec(text)?.[1])
      }
      const last = async () => (await edge.call<{ items: { id: number }[] }>(key, 'GET', '/v1/events?after=0&limit=500')).body.items.at(-1)?.id ?? 0
      await edge.miner(3)
      await edge.allocate(key)
      const [before, told] = [await last(), await total()]
      expect(told).toBe(before)
      const restoredAt = Date.now()
      await restoreEpoch(edge)
      await edge.allocate(key)
      expect(await last()).toBeGreaterThan(restoredAt) // more than anybody can have been told before
      expect(await total()).toBe(told + 1)
      await restoreEpoch(edge)
      await edge.allocate(key)
      expect(await total()).toBe(told + 2)
      const { body } = await edge.call<{ items: unknown[] }>(key, 'GET', `/v1/events?after=${before + 1_000}`)
      expect(body.items).toHaveLength(2) // who had seen more than this database knows misses nothing
    } finally {
      await edge.close()
      await database.close()
    }
  })
})
