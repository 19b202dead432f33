import { DatabaseSync } from 'node:sqlite'
import { Counter, Gauge, Registry } from 'prom-client'
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { describe, expect, it } from 'vitest'
import { exposition } from '../../edge/http/exposition.ts'
import { shownState } from '../../edge/store/numbers.ts'
import { EDGE_METRICS, type Metric } from '../../edge/verbs/metrics.ts'
import { DESIRED, PHASES, shown, STOP_REASONS } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
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

describe('GET /metrics', () => {
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

describe('the state in SQL', () => {
  it('is the one of shown(), for every combination of wish and fact', () => {
    const rows = DESIRED.flatMap((desired) =>
      [null, ...STOP_REASONS].flatMap((stopReason) =>
        PHASES.flatMap((phase) =>
          [1, 2].flatMap((factIncarnation) =>
            [null, 1].flatMap((endedAt) =>
              [null, 1].map((unreachableSince) => ({ desired, stopReason, phase, incarnation: 2, factIncarnation, endedAt, unreachableSince })),
            ),
          ),
        ),
      ),
    )
    const columns = ['desired', 'stopReason', 'phase', 'incarnation', 'factIncarnation', 'endedAt', 'unreachableSince']
    const snake = (name: string) => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)
    const table = `SELECT ${columns.map((c) => `value ->> '${c}' AS ${snake(c)}`).join(', ')} FROM json_each(?)`
    const state = new SQLiteAsyncDialect().sqlToQuery(shownState).sql
    const states = new DatabaseSync(':memory:').prepare(`SELECT ${state} AS state FROM (${table}) a`).all(JSON.stringify(rows))
    expect(states.map((r) => r['state'])).toEqual(rows.map((r) => shown(r)))
  })
})
