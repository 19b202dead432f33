import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AllocationView, SCORE_STALE_MS } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { databases, query, type Running } from '../support/database.ts'
import { readUntil, startTestEdge, type TestEdge } from '../support/edge.ts'
import { Meter } from '../support/meter.ts'
import { quick, replaceOnce } from '../support/quick.ts'

let database: Running
let meter: Meter
let edge: TestEdge
let key: string

beforeAll(async () => {
  database = await databases()[0].start()
  meter = await Meter.before(database.url)
  edge = await startTestEdge(meter.url, { rewrite: quick() })
  key = await edge.key('alice')
  await edge.running.tick()
})
afterAll(async () => {
  await edge?.close()
  await meter?.close()
  await database?.close()
})

const sql = (statement: string) => query(database.url, statement)
const see = async (id: string) => (await edge.call<AllocationView>(key, 'GET', `/v1/allocations/${id}`)).body
const kinds = async (id: string) => (await sql(`SELECT kind FROM events WHERE allocation_id = '${id}' ORDER BY id`)).map((r) => String(r['kind']))
const minerRow = async (hotkey: string) => (await sql(`SELECT * FROM miners WHERE hotkey = '${hotkey}'`))[0] ?? {}
const statusOf = async (hotkey: string) => (await edge.call<{ status: string }>(key, 'GET', `/v1/miners/${hotkey}`)).body.status
const taken = async (model: string) => (await edge.allocate(key, { gpu: { count: 1, model } })).body.code

async function rented(model = `GPU ${Math.random()}`, gpus = 1) {
  const miner = await edge.miner(gpus, model)
  const { body } = await edge.allocate(key, { gpu: { count: 1, model } })
  const [entry] = await miner.sync()
  if (!entry) throw new Error('no wish')
  await miner.sync([miner.fact(entry, 'running')])
  return { miner, id: body.id, entry, model }
}

/** Waits until nobody heard of it for too long, and forgets that it went just now: one test must not pull the brake of the next. */
async function silence(...miners: WireMiner[]): Promise<void> {
  for (const { hotkey } of miners) {
    await readUntil(
      () => minerRow(hotkey),
      (row) => row['online'] === 'unreachable',
      60_000,
    )
    await sql(`UPDATE miners SET online_at = online_at - 3600000 WHERE hotkey = '${hotkey}'`)
  }
}

/** A tick of cron so many milliseconds after the last one. */
async function tickAfter(ms: number, of: TestEdge = edge): Promise<void> {
  await sql(`UPDATE settings SET value = ${Date.now() - ms} WHERE name = 'swept_at'`)
  await of.running.tick()
}

describe('an hour of silence', { timeout: 120_000 }, () => {
  it('that was watched ends the rental; the host stops it when it is back, and takes no claim before it is empty', async () => {
    const { miner, id, entry, model } = await rented()
    await silence(miner)
    await tickAfter(60_000)
    expect(await minerRow(miner.hotkey)).toMatchObject({ silent_minutes: 1 })
    await tickAfter(1000)
    expect(await minerRow(miner.hotkey)).toMatchObject({ silent_minutes: 1 })
    await sql(`UPDATE miners SET silent_minutes = 58 WHERE hotkey = '${miner.hotkey}'`)
    await tickAfter(60_000)
    expect((await see(id)).state).toBe('unreachable')
    await tickAfter(60_000)
    expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'unreachable', ended_at: expect.any(String) })
    expect((await kinds(id)).slice(-2)).toEqual(['unreachable', 'ended'])
    expect(await sql(`SELECT 1 FROM claims WHERE hotkey = '${miner.hotkey}' AND freed_at IS NULL`)).toEqual([])

    const wish = await miner.sync([miner.fact(entry, 'running')])
    expect(wish).toMatchObject([{ kind: 'tombstone', id, incarnation: 1 }])
    expect(await statusOf(miner.hotkey)).toBe('held')
    expect(await taken(model)).toBe('no_capacity')
    await miner.sync([miner.fact(entry, 'gone')], { facts: null })
    expect(await statusOf(miner.hotkey)).toBe('held')
    expect(await miner.sync()).toEqual([])
    expect(await statusOf(miner.hotkey)).toBe('ready')
    expect(await taken(model)).toBeUndefined()
    expect((await kinds(id)).filter((k) => k === 'ended')).toHaveLength(1)
  })

  it('with a gap in it begins anew', async () => {
    const { miner, id } = await rented()
    await silence(miner)
    await sql(`UPDATE miners SET silent_minutes = 59 WHERE hotkey = '${miner.hotkey}'`)
    await tickAfter(4 * 60_000)
    expect(await minerRow(miner.hotkey)).toMatchObject({ silent_minutes: 0 })
    expect((await see(id)).state).toBe('unreachable')
    await miner.obey()
  })

  it('is an hour by the clock too, however often cron fires', async () => {
    const { miner, id } = await rented()
    await silence(miner)
    await sql(`UPDATE miners SET silent_minutes = 100, online_at = ${Date.now() - 50 * 60_000} WHERE hotkey = '${miner.hotkey}'`)
    await tickAfter(31_000)
    expect(await see(id)).toMatchObject({ state: 'unreachable', ended_at: null })
    await sql(`UPDATE miners SET online_at = ${Date.now() - 60 * 60_000} WHERE hotkey = '${miner.hotkey}'`)
    await tickAfter(31_000)
    expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'unreachable' })
  })

  it('that is broken by a word of the miner begins anew', async () => {
    const { miner, entry } = await rented()
    await silence(miner)
    await sql(`UPDATE miners SET silent_minutes = 59 WHERE hotkey = '${miner.hotkey}'`)
    await miner.sync([miner.fact(entry, 'running')])
    expect(await minerRow(miner.hotkey)).toMatchObject({ silent_minutes: 0, online: 'online' })
  })

  it('of a host that should stop a rental ends that too', async () => {
    const { miner, id } = await rented()
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    await silence(miner)
    await sql(`UPDATE miners SET silent_minutes = 59 WHERE hotkey = '${miner.hotkey}'`)
    await tickAfter(60_000)
    expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'released' })
    expect(await kinds(id)).not.toContain('unreachable')
    expect(await minerRow(miner.hotkey)).toMatchObject({ held_since: expect.any(Number) })
  })

  it('in a shard that does not answer is not counted, and ends nothing', async () => {
    const { miner, id } = await rented()
    await silence(miner)
    await sql(`UPDATE miners SET silent_minutes = 59 WHERE hotkey = '${miner.hotkey}'`)
    const deaf = await startTestEdge(meter.url, { rewrite: (script) => replaceOnce(script, /async pulse\([^)]*\) \{/, '$& throw new Error("dead");') })
    await tickAfter(60_000, deaf)
    await deaf.close()
    expect(await see(id)).toMatchObject({ ended_at: null })
    expect(await minerRow(miner.hotkey)).toMatchObject({ silent_minutes: 0 })
    await miner.obey()
  })
})

describe('the brake', { timeout: 120_000 }, () => {
  it('holds while too many are away at once, and lets go when they are back', async () => {
    const own = await databases()[0].start()
    const busy = await startTestEdge(own.url, { rewrite: quick() })
    const rows = async (statement: string) => query(own.url, statement)
    const state = async () =>
      (await rows("SELECT value FROM settings WHERE name = 'brake'")).map(
        (r) => JSON.parse(String(r['value'])) as { unreachable: number; released_at: number | null },
      )
    const tenant = await busy.key('alice')
    await busy.running.tick()
    const miners = await Promise.all(Array.from({ length: 10 }, () => busy.miner(1, 'Model mass')))
    const [first] = miners
    const { body } = await busy.allocate(tenant, { gpu: { count: 1 }, hotkey: first?.hotkey })
    await first?.obey()
    const stay = miners.slice(5)
    const talking = setInterval(() => void Promise.all(stay.map((m) => m.sync())).catch(() => undefined), 500)
    await readUntil(
      async () => (await rows("SELECT 1 FROM miners WHERE online = 'unreachable'")).length,
      (n) => n === 5,
      60_000,
    )
    const minute = async () => {
      await rows(`UPDATE settings SET value = ${Date.now() - 60_000} WHERE name = 'swept_at'`)
      await busy.running.tick()
    }
    await rows('UPDATE miners SET silent_minutes = 59')
    await minute()
    await minute()
    expect(await state()).toMatchObject([{ unreachable: 5, released_at: null }])
    expect(busy.logs.filter((l) => l.includes('brake_engaged'))).toMatchObject([expect.stringContaining('"level":"error"')])
    expect((await rows(`SELECT ended_at, silent_minutes FROM allocations a JOIN miners m ON m.hotkey = a.hotkey WHERE id = '${body.id}'`))[0]).toEqual({
      ended_at: null,
      silent_minutes: 59,
    })

    expect((await busy.call(busy.adminKey, 'POST', '/admin/brakes/unreachable/release')).status).toBe(204)
    await rows(`UPDATE miners SET online_at = online_at - 3600000 WHERE hotkey = '${first?.hotkey}'`) // its hour is over
    await minute()
    expect(await state()).toMatchObject([{ released_at: expect.any(Number) }])
    expect((await rows(`SELECT end_reason FROM allocations WHERE id = '${body.id}'`))[0]).toEqual({ end_reason: 'unreachable' })

    await Promise.all(miners.slice(0, 5).map((m) => m.sync()))
    await minute()
    expect(await state()).toEqual([])
    clearInterval(talking)
    await busy.close()
    await own.close()
  })
})

describe('leases', () => {
  it('are warned of a day and an hour before they end, each once', async () => {
    const { id, miner } = await rented()
    const hour = 3600_000
    const warnings = async () =>
      (await sql(`SELECT data FROM events WHERE allocation_id = '${id}' AND kind = 'expiring' ORDER BY id`)).map(
        (r) => (JSON.parse(String(r['data'])) as { hours_left: number }).hours_left,
      )
    await sql(`UPDATE allocations SET expires_at = ${Date.now() + 24 * hour - 5000}, warn_at = ${Date.now() - 5000} WHERE id = '${id}'`)
    await edge.running.tick()
    await edge.running.tick()
    expect(await warnings()).toEqual([24])
    const [row] = await sql(`SELECT expires_at - warn_at AS before FROM allocations WHERE id = '${id}'`)
    expect(row).toEqual({ before: hour })
    await sql(`UPDATE allocations SET expires_at = ${Date.now() + hour - 5000}, warn_at = ${Date.now() - 5000} WHERE id = '${id}'`)
    await edge.running.tick()
    await edge.running.tick()
    expect(await warnings()).toEqual([24, 1])
    expect((await sql(`SELECT warn_at FROM allocations WHERE id = '${id}'`))[0]).toEqual({ warn_at: null })
    await miner.obey()
  })

  it('that ran out are told', async () => {
    const { id, miner } = await rented()
    await sql(`UPDATE allocations SET expires_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    expect((await kinds(id)).at(-1)).toBe('stop_asked')
    await miner.obey()
    await edge.running.tick()
    expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'expired' })
  })
})

describe('a tick', () => {
  it('is 31 statements in two requests, and one more when miners are ranked, however many rentals there are', { timeout: 180_000 }, async () => {
    const quiet = async () => {
      await sql(`UPDATE settings SET value = ${Date.now() - 60_000} WHERE name = 'swept_at'`)
      meter.read()
      await edge.running.tick()
      const { requests, statements } = meter.read()
      return { requests, statements }
    }
    await sql(`INSERT INTO agents (hotkey, role, source, changed_at) VALUES ('v', 'validator', 'allow', 1)`)
    await sql(`INSERT INTO publications VALUES ('scores', 'v', ${Date.now()}, 1, 's', '{"scores":[]}', 1)`)
    // The first minute of every ten ranks whatever happened.
    const least = await readUntil(quiet, (r) => r.requests === 2 && r.statements === 31, 90_000)
    expect(least).toEqual({ requests: 2, statements: 31 })
    await sql(`UPDATE publications SET at = ${Date.now() - SCORE_STALE_MS - 1}`)
    expect(await readUntil(quiet, (r) => r.requests === 2), 'what a validator said aged out').toEqual({ requests: 2, statements: 32 })
    const { id } = await rented()
    await sql(`INSERT INTO allocations SELECT id || i, purpose, holder, key_id, name, NULL, body_hash, trace_id, created_at, desired, stop_reason, stop_at, generation, incarnation, restart_n, keys_n, ssh_keys,
      1, spec, limits, hotkey, exclusive, 0, 0, tried, ready_by, phase, fact_incarnation, observed_generation, observed_restart_n, observed_keys_n, error, progress, host, port, user, host_key,
      host_key_signature, acked_at, ready_at, fact_at, NULL, unreachable_since, ended_at, end_reason, 1, degraded_at
      FROM allocations, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200) SELECT i FROM n) WHERE id = '${id}'`)
    const most = await quiet()
    expect(most.statements).toBeLessThanOrEqual(32 + 3 * (most.requests - 2)) // a shard may have looked at the same time
    expect(Number((await sql("SELECT count(*) AS n FROM allocations WHERE stop_reason = 'expired'"))[0]?.['n'])).toBeGreaterThanOrEqual(200)
  })

  it('forgets what is a month old, but nothing that a webhook waits for', async () => {
    const old = Date.now() - 31 * 24 * 3600_000
    const id = 'al_00000000000000000000000000'
    await sql(`INSERT INTO webhooks (id, holder, url, secret, kinds, created_at) VALUES ('w', 'alice', 'http://x', 's', '[]', 1)`)
    for (const n of [1, 2, 3])
      await sql(`INSERT INTO events (id, at, holder, allocation_id, kind, data, trace_id) VALUES (${-n}, ${old}, 'alice', '${id}', 'phase', '{}', 't')`)
    await sql(`INSERT INTO outbox (event_id, webhook_id, due_at, delivered_at) VALUES (-1, 'w', 1, NULL), (-2, 'w', 1, 5)`)
    await sql(`INSERT INTO claims VALUES ('${id}', 1, 'h', 'g', 1, ${old}), ('${id}', 2, 'h', 'g', 1, NULL)`)
    await sql(`INSERT INTO tombstones VALUES ('${id}', 1, 'h', 1, 't', 'r', 1, ${old}), ('${id}', 2, 'h', 1, 't', 'r', 1, NULL)`)
    await edge.running.tick()
    expect(await sql('SELECT id FROM events WHERE id < 0')).toEqual([{ id: -1 }])
    expect(await sql(`SELECT incarnation FROM claims WHERE allocation_id = '${id}'`)).toEqual([{ incarnation: 2 }])
    expect(await sql(`SELECT incarnation FROM tombstones WHERE allocation_id = '${id}'`)).toEqual([{ incarnation: 2 }])
  })
})
