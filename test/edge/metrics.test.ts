import { DatabaseSync } from 'node:sqlite'
import { Counter, Gauge, Registry } from 'prom-client'
import type { SQL } from 'drizzle-orm'
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { describe, expect, it } from 'vitest'
import { exposition } from '../../edge/http/exposition.ts'
import { openDb } from '../../edge/store/db.ts'
import { minerStatus, numbers, shownState } from '../../edge/store/numbers.ts'
import { EDGE_METRICS, type Metric } from '../../edge/verbs/metrics.ts'
import { type Condition, statusOf } from '../../edge/verbs/status.ts'
import { type Columns, DESIRED, PHASES, PROTOCOL, PROTOCOL_OLDEST, shown, STOP_REASONS } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import { proved, readyProof, validatorAt } from '../support/wire-validator.ts'
import { onOneEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string }
let edge: TestEdge
let key: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
  key = await edge.key('alice')
})

async function scrape(bearer = edge.adminKey): Promise<{ status: number; type: string | null; text: string }> {
  const response = await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${bearer}` } })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

/** Value of `name{labels}` as it stands in the text, or null. */
async function number(line: string): Promise<number | null> {
  const found = (await scrape()).text.split('\n').find((l) => l.startsWith(`${line} `))
  return found === undefined ? null : Number(found.slice(line.length + 1))
}

/** A miner with two rentals: one runs, one is on its way. */
async function busy(model: string): Promise<WireMiner> {
  const miner = await edge.miner(4, model)
  await edge.allocate(key, { gpu: { count: 1, model } })
  await miner.obey()
  await edge.allocate(key, { gpu: { count: 2, model } })
  return miner
}

describe.each(databases())('the numbers on $name', ({ available, start }) => {
  it.skipIf(!available)('are read, also the age of what nobody published', async () => {
    const database = await start()
    try {
      const read = async () => (await numbers(openDb(database.url, undefined), 5000)).filter((n) => n.name === 'publication_age')
      expect(await read()).toEqual([])
      await query(database.url, `INSERT INTO publications VALUES ('scores', 'v', 1000, 1, 's', '{}', 1), ('scores', 'w', 2000, 1, 's', '{}', 1)`)
      expect(await read()).toEqual([{ name: 'publication_age', label: '', value: 3000 }])
    } finally {
      await database.close()
    }
  })
})

describe('GET /metrics', () => {
  it('tells a hundred models apart and no more, whatever names miners make up', async () => {
    const insert = (from: number, to: number, model: string) =>
      query(
        db.url,
        `INSERT INTO gpus (hotkey, uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at)
         WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${to}) SELECT 'nobody', 'made-up-' || i, 0, ${model}, 'x', 1, 1, 1, 1 FROM n`,
      )
    await insert(1, 300, "'Made up ' || i")
    await insert(301, 302, "'Real'")
    const { text } = await scrape()
    for (const name of ['gpus', 'gpus_claimed', 'gpus_free']) expect(text.match(new RegExp(`^compute_edge_${name}\\{`, 'gm'))).toHaveLength(100)
    expect(await number('compute_edge_gpus{model="Real"}')).toBe(2)
    await query(db.url, "DELETE FROM gpus WHERE hotkey = 'nobody'")
  })

  it('counts what the market has, from the database', async () => {
    await busy('Model "M\\1"')
    await edge.running.tick()
    const label = String.raw`{model="Model \"M\\1\""}`
    expect(await number(`compute_edge_gpus${label}`)).toBe(4)
    expect(await number(`compute_edge_gpus_claimed${label}`)).toBe(3)
    expect(await number(`compute_edge_gpus_free${label}`)).toBe(1)
    expect(await number('compute_edge_allocations{state="running"}')).toBe(1)
    expect(await number('compute_edge_allocations{state="pending"}')).toBe(1)
    expect(await number('compute_edge_miners{status="ready"}')).toBe(1)
    expect(await number('compute_edge_sweep_age_seconds')).toBeLessThan(180)
    expect(await number('compute_edge_brake_engaged')).toBe(0)
    expect(await number('compute_edge_epoch')).toBe(1)
    expect(await number('compute_edge_events_total')).toBe(Number((await query(db.url, 'SELECT max(id) AS n FROM events'))[0]?.['n']))
  })

  it('counts proofs, and what they prove and keep, apart from rents', { timeout: 60_000 }, async () => {
    const allocations = async () => (await scrape()).text.split('\n').filter((l) => l.startsWith('compute_edge_allocations{'))
    const before = await allocations()
    const [validator, second] = [await validatorAt(edge), await validatorAt(edge)]
    const miner = await edge.miner(2, 'Proved')
    expect(await number('compute_edge_proof_age_seconds')).toBeNull()
    await proved(validator, miner)
    expect(await number('compute_edge_gpus_proved')).toBe(2)
    expect(await number('compute_edge_proof_age_seconds')).toBeLessThan(60)
    expect(await number('compute_edge_proofs_ended{outcome="valid"}')).toBe(1)
    const open = await readyProof(second, miner)
    expect(await number('compute_edge_gpus_proving{model="Proved"}')).toBe(2)
    expect(await number('compute_edge_gpus_claimed{model="Proved"}')).toBe(0)
    expect(await number('compute_edge_gpus_free{model="Proved"}')).toBe(0)
    expect(await number('compute_edge_proofs_open{stage="starting"}')).toBe(1)
    await second.go(open.id)
    expect(await number('compute_edge_proofs_open{stage="go"}')).toBe(1)
    expect(await allocations()).toEqual(before)
    await second.close(open, { result: 'invalid' })
    await miner.obey()
    expect(await number('compute_edge_proofs_ended{outcome="invalid"}')).toBe(1)
    expect(await number('compute_edge_gpus_free{model="Proved"}')).toBe(2)
    await query(db.url, `UPDATE gpus SET released_at = ${Date.now()}, proved_at = NULL WHERE hotkey = '${miner.hotkey}' AND idx = 1`)
    expect(await number('compute_edge_gpus_kept')).toBe(1)
    expect(await number('compute_edge_gpus_proved')).toBe(1)
    const { checks } = (await edge.call<{ checks: { name: string; detail: string }[] }>(key, 'GET', '/health')).body
    expect(checks.find((c) => c.name === 'proofs')?.detail).toMatch(/^2 validators closed proofs of GPU within 2 h\. They are made in compute-workspace:test: /)
  })

  it('shows a placement that nobody moves on', async () => {
    await query(db.url, `UPDATE allocations SET deadline_at = ${Date.now() - 120_000} WHERE deadline_at IS NOT NULL`)
    expect(await number('compute_edge_placement_overdue_seconds')).toBeGreaterThanOrEqual(120)
  })

  it('agrees with the API about each miner', async () => {
    const { body } = await edge.call<{ items: { status: string }[] }>(key, 'GET', '/v1/miners')
    for (const [status, list] of Map.groupBy(body.items, (m) => m.status)) expect(await number(`compute_edge_miners{status="${status}"}`)).toBe(list.length)
  })

  it('is for keys with the scope "metrics" or "admin" only, and such a key opens nothing else', async () => {
    const { body } = await edge.call<{ secret: string }>(edge.adminKey, 'POST', '/admin/keys', { tenant: 'prometheus', scopes: ['metrics'] })
    expect(await scrape(body.secret)).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' })
    expect((await scrape(key)).status).toBe(403)
    expect((await scrape('nobody')).status).toBe(401)
    expect((await edge.call(body.secret, 'GET', '/v1/gpus')).status).toBe(403)
    expect((await edge.call(body.secret, 'GET', '/admin/keys')).status).toBe(403)
  })

  it('gives every metric its help and its type, with a unit in its name where it has one', async () => {
    const { text } = await scrape()
    for (const [name, { help, type }] of Object.entries(EDGE_METRICS)) {
      expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      expect(name).toMatch(/^compute_edge_[a-z_]+$/)
    }
  })
})

describe('the text format', () => {
  it('is what prom-client writes', async () => {
    const registry = new Registry()
    const labels = [
      { model: 'a "b" \\ c\nd', state: 'x' },
      { model: 'é', state: '' },
    ]
    const gauge = new Gauge({ name: 'some_gauge_seconds', help: 'With \\ and\nmore', labelNames: ['model', 'state'], registers: [registry] })
    const counter = new Counter({ name: 'some_total', help: 'Counted', registers: [registry] })
    gauge.set(labels[0] ?? {}, 0.25)
    gauge.set(labels[1] ?? {}, 1e21)
    counter.inc(7)
    const ours: Metric[] = [
      {
        name: 'some_gauge_seconds',
        help: 'With \\ and\nmore',
        type: 'gauge',
        samples: [
          { labels: labels[0] ?? {}, value: 0.25 },
          { labels: labels[1] ?? {}, value: 1e21 },
        ],
      },
      { name: 'some_total', help: 'Counted', type: 'counter', samples: [{ value: 7 }] },
    ]
    expect(exposition(ours)).toBe(await registry.metrics())
  })
})

type Cell = string | number | null

/** Every combination of these values. */
const combinations = (values: Record<string, readonly Cell[]>) =>
  Object.entries(values).reduce<Record<string, Cell>[]>((rows, [name, list]) => rows.flatMap((row) => list.map((v) => ({ ...row, [name]: v }))), [{}])

/** What an SQL expression says of each row; its columns are read under these aliases. */
function inSql(expression: SQL, aliases: string[], rows: Record<string, Cell>[]): unknown[] {
  const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
  const columns = Object.keys(rows[0] ?? {}).map((c) => `value ->> '${c}' AS ${snake(c)}`)
  const from = aliases.map((a, i) => `(SELECT key AS k${i}, ${columns.join(', ')} FROM json_each(?1)) ${a}`).join(', ')
  const where = aliases.map((_, i) => `k${i} = k0`).join(' AND ')
  const text = new SQLiteAsyncDialect().sqlToQuery(expression).sql
  const query = `SELECT ${text} AS word FROM ${from} WHERE ${where} ORDER BY k0`
  return new DatabaseSync(':memory:')
    .prepare(query)
    .all(JSON.stringify(rows))
    .map((r) => r['word'])
}

describe('words in SQL', () => {
  it('the state of an allocation is the one of shown()', () => {
    const rows = combinations({
      desired: DESIRED,
      stopReason: [null, ...STOP_REASONS],
      phase: PHASES,
      incarnation: [2],
      factIncarnation: [1, 2],
      endedAt: [null, 1],
      unreachableSince: [null, 1],
    })
    expect(inSql(shownState, ['a'], rows)).toEqual(rows.map((r) => shown(r as Columns)))
  })

  it('the status of a miner is the one of statusOf()', () => {
    const rows = combinations({
      protocol: [PROTOCOL_OLDEST - 1, PROTOCOL],
      standing: ['active', 'draining'],
      online: ['online', 'suspect', 'unreachable'],
      engineOk: [0, 1],
      gpuError: [null, 'x'],
      heldSince: [null, 1],
      fresh: [0, 1],
    })
    expect(inSql(minerStatus, ['m', 'a'], rows)).toEqual(rows.map((r) => statusOf(r as Condition)))
  })
})
