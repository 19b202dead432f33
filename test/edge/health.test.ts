import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentShards } from '../../edge/verbs/shards.ts'
import { startDatabase } from '../../local/database/server.ts'
import { explain, makeProgram } from '../../node-agents/cli/main.ts'
import type { ProblemBody } from '../../schema/index.ts'
import { query } from '../support/database.ts'
import { onOneEdge, startTestEdge, type TestEdge } from '../support/edge.ts'

type Health = { ok: boolean; checks: { name: string; ok: boolean; detail: string }[] }

let db: { url: string }
let edge: TestEdge
onOneEdge(async (e, database) => {
  edge = e
  db = database
})

const health = async () => edge.call<Health>('', 'GET', '/health')
const check = async (name: string) => (await health()).body.checks.find((c) => c.name === name)
const set = (name: string, value: unknown) =>
  query(
    db.url,
    `INSERT INTO settings (name, value) VALUES ('${name}', '${typeof value === 'string' ? value : JSON.stringify(value)}') ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
  )
const unset = (name: string) => query(db.url, `DELETE FROM settings WHERE name = '${name}'`)

/** A command of the CLI in the admin's name: what it printed and how it ended. */
async function cli(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  let code = 0
  const io = {
    env: { COMPUTE_URL: edge.url, COMPUTE_API_KEY: edge.adminKey },
    out: (text: string) => void (said.out += `${text}\n`),
    err: (text: string) => void (said.err += `${text}\n`),
    nowMs: () => Date.now(),
    exit: (given: number) => void (code = given),
  }
  await makeProgram(io)
    .parseAsync(args, { from: 'user' })
    .catch((error: unknown) => (code = explain(error, io)))
  return { code, ...said }
}

describe('health', () => {
  it('is red until cron has run, then green with every check named', async () => {
    expect(await health()).toMatchObject({ status: 503, body: { ok: false } })
    expect((await check('sweep'))?.detail).toContain('cron trigger')
    await edge.running.tick()
    const { status, body } = await health()
    expect({ status, red: body.checks.filter((c) => !c.ok) }).toEqual({ status: 200, red: [] })
    expect(body.checks.map((c) => c.name)).toEqual([
      'settings',
      'database',
      'sweep',
      'shards',
      'outbox',
      'brake',
      'restored',
      'roles',
      'publications',
      'proofs',
    ])
  })

  it('has every check explained on the page for operators', async () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/operate.md'), 'utf8')
    for (const { name } of (await health()).body.checks) expect(page).toContain(`| \`${name}\``)
  })

  it('turns red three minutes after the last sweep', async () => {
    await set('swept_at', String(Date.now() - 170_000))
    expect(await check('sweep')).toMatchObject({ ok: true })
    await set('swept_at', String(Date.now() - 181_000))
    expect(await check('sweep')).toMatchObject({ ok: false, detail: expect.stringMatching(/18\d s ago.*wrangler tail/) })
    await edge.running.tick()
  })

  it('turns red when a webhook waits for more than five minutes past its time', async () => {
    const due = (ms: number) => query(db.url, `UPDATE outbox SET due_at = ${Date.now() - ms}`)
    await query(db.url, "INSERT INTO events (at, holder, allocation_id, kind, data, trace_id) VALUES (1, 'a', 'al_x', 'ready', '{}', 'x')")
    await query(db.url, "INSERT INTO webhooks (id, holder, url, secret, kinds, created_at) VALUES ('w', 'a', 'https://x', 's', '[]', 1)")
    await query(db.url, "INSERT INTO outbox (event_id, webhook_id, due_at) SELECT max(id), 'w', 1 FROM events")
    await due(290_000)
    expect(await check('outbox')).toMatchObject({ ok: true })
    await due(310_000)
    expect(await check('outbox')).toMatchObject({ ok: false, detail: expect.stringContaining('s late') })
    await query(db.url, 'UPDATE outbox SET delivered_at = 1')
    expect(await check('outbox')).toMatchObject({ ok: true })
  })

  it('names the shards that are silent', async () => {
    const fine = { looked_at: Date.now(), watched: 3, sockets: 1 }
    await set('swept_at', String(Date.now()))
    await set('shards', { 'hub-0': fine, 'hub-1': null, 'hub-2': { ...fine, looked_at: Date.now() - 200_000 } })
    expect(await check('shards')).toMatchObject({ ok: false, detail: expect.stringContaining('hub-1, hub-2 of the Hub do not look') })
    await unset('shards')
    expect(await check('shards')).toMatchObject({ ok: true })
  })

  it('says that tables are missing, and what makes them', async () => {
    const empty = await startDatabase({ file: ':memory:' })
    const bare = await startTestEdge(empty.url)
    const { status, body } = await bare.call<Health>('', 'GET', '/health')
    expect(status).toBe(503)
    expect(body.checks.find((c) => !c.ok)).toMatchObject({ name: 'database', detail: expect.stringContaining('npm run deploy') })
    await bare.close()
    await empty.close()
  })

  it('names a secret that is missing, and how to set it', async () => {
    const lacking = await startTestEdge(db.url, { vars: { SIGNING_KEY: '' } })
    const { status, body } = await lacking.call<ProblemBody>('', 'GET', '/health')
    expect(status).toBeGreaterThanOrEqual(500)
    expect(body).toMatchObject({ code: 'not_configured', detail: expect.stringMatching(/SIGNING_KEY.*wrangler secret put SIGNING_KEY/) })
    await lacking.close()
  })
})

describe('which shards are silent', () => {
  const at = 10_000_000
  const late = 180_000
  it.each([
    ['one that did not answer', null, true],
    ['one that looked lately', { looked_at: at - late, watched: 5, sockets: 5 }, false],
    ['one that looked too long ago', { looked_at: at - late - 1, watched: 5, sockets: 5 }, true],
    ['one with nobody to look at', { looked_at: 1, watched: 0, sockets: 0 }, false],
    ['one that has begun just now', { looked_at: 0, watched: 5, sockets: 0 }, false],
  ])('%s', (_, shard, silent) => expect(silentShards({ s: shard }, at, late)).toEqual(silent ? ['s'] : []))
})

describe('a brake', () => {
  const since = Date.now() - 60_000
  beforeAll(async () => {
    await edge.running.tick()
    await set('brake', { since, unreachable: 30, total: 100 })
  })
  afterAll(() => unset('brake'))

  it('makes health red, and says what it does and how to release it', async () => {
    const red = await check('brake')
    expect(red).toMatchObject({ ok: false, detail: expect.stringContaining('30 of 100 miners') })
    expect(red?.detail).toContain('compute admin brake release')
    expect(await cli('admin', 'health')).toMatchObject({ code: 1, out: expect.stringMatching(/brake +RED +30 of 100/) })
  })

  it('is seen and released by an admin alone, once, with an entry in the audit log', async () => {
    const mallory = await edge.key('mallory')
    expect((await edge.call(mallory, 'GET', '/admin/brakes')).status).toBe(403)
    expect((await edge.call(mallory, 'POST', '/admin/brakes/unreachable/release')).status).toBe(403)
    expect((await edge.call(edge.adminKey, 'POST', '/admin/brakes/parking/release')).status).toBe(422)
    expect((await cli('admin', 'brake')).out).toMatch(/unreachable +engaged .*30 of 100 miners/)

    expect(await cli('admin', 'brake', 'release')).toMatchObject({ code: 0, err: 'the brake "unreachable" is released\n' })
    const { body } = await edge.call<{ items: { released_at: string }[] }>(edge.adminKey, 'GET', '/admin/brakes')
    expect(body.items).toMatchObject([{ name: 'unreachable', since: new Date(since).toISOString(), released_at: expect.any(String) }])
    expect(await check('brake')).toMatchObject({ ok: true, detail: expect.stringContaining('released') })
    await edge.call(edge.adminKey, 'POST', '/admin/brakes/unreachable/release')
    expect((await edge.call<typeof body>(edge.adminKey, 'GET', '/admin/brakes')).body).toEqual(body)
    expect((await query(db.url, "SELECT actor FROM audit WHERE action = 'release_brake'"))[0]).toEqual({ actor: 'root' })
  })

  it('that is not engaged cannot be released', async () => {
    await unset('brake')
    expect(await cli('admin', 'brake')).toMatchObject({ code: 0, out: 'no brake is engaged\n' })
    expect((await edge.call(edge.adminKey, 'POST', '/admin/brakes/unreachable/release')).status).toBe(404)
  })
})

describe('the commands of an operator', () => {
  it('show green health as a table, and as JSON', async () => {
    await edge.running.tick()
    const { code, out } = await cli('admin', 'health')
    expect(code).toBe(0)
    expect(out).toMatch(/CHECK .*\n[^]*sweep +ok/)
    expect(JSON.parse((await cli('admin', 'health', '--json')).out)).toMatchObject({ ok: true })
  })

  it('begin a new epoch only when told twice, and say what happens', async () => {
    const asked = await cli('admin', 'restore-epoch')
    expect(asked).toMatchObject({ code: 2, out: '' })
    expect(asked.err).toContain('--yes')
    expect(asked.err).toContain('not made anew')
    expect(await cli('admin', 'restore-epoch', '--yes')).toMatchObject({ code: 0, out: expect.stringContaining('epoch 2') })
  })
})
