import { describe, expect, it } from 'vitest'
import { SCORE_STALE_MS, type ScoreRow } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { penalize, penaltiesOf, penalty, publish, type PublishingWorld, publishingWorld, row, scoresOf } from '../support/publication.ts'
import { someone } from '../support/snapshot.ts'

type Said = { validator: string; score: number; own: boolean; gpus: object | null; age_s: number }
type Shown = { hotkey: string; score: number | null; score_age_s: number | null; scored_by: number; scores: Said[]; penalties: object[] }

const shown = async ({ edge, key }: PublishingWorld, miner: WireMiner) => (await edge.call<Shown>(key, 'GET', `/v1/miners/${miner.hotkey}`)).body
const scoreOf = async (w: PublishingWorld, miner: WireMiner) => (await shown(w, miner)).score
const back = (url: string, ms: number, kind = "'scores', 'penalties'") => query(url, `UPDATE publications SET at = at - ${ms} WHERE kind IN (${kind})`)

describe('the score of a miner', () => {
  // Numbers of validators with these stakes: null says nothing, [n] has the number from others.
  const table: [what: string, stakes: number[], said: (number | null | [number])[], median: number | null][] = [
    ['one validator decides alone', [1], [40], 40],
    ['of three alike the middle one', [1, 1, 1], [10, 90, 50], 50],
    ['of two alike the lower one', [1, 1], [90, 20], 20],
    ['stake weighs, not heads', [5, 2, 2], [70, 10, 20], 70],
    ['just half of the stake is not most of it', [2, 1, 1], [70, 10, 20], 20],
    ['who proved nothing of it counts as 0', [1, 1, 1], [60, null, null], 0],
    ['most of them proved it', [1, 1, 1], [60, 50, null], 50],
    ['what somebody has from others is not his own word', [1, 1, 1], [100, [100], [100]], 0],
    ['nobody proved anything', [1, 1], [null, [30]], null],
    ['nobody published', [1], [], null],
    ['a little stake alone lifts nobody', [1, 30, 30, 30], [100, 0, 0, 0], 0],
    ['a little stake alone lifts nobody above the others', [20, 30, 30], [100, 25, 30], 30],
    ['a little stake alone sinks nobody', [1, 30, 30, 30], [0, 50, 50, 50], 50],
    ['a fraction stays one', [1], [12.345678901], 12.345678901],
  ]
  it.each(table)('%s', { timeout: 60_000 }, async (_, stakes, said, median) => {
    const world = await publishingWorld(stakes)
    const miner = await world.edge.miner()
    const rows = (number: number | null | [number]): ScoreRow[] =>
      number === null ? [] : [typeof number === 'number' ? row(miner.hotkey, number) : row(miner.hotkey, number[0], { own: false })]
    for (const [i, v] of world.validators.entries()) if (said[i] !== undefined) await publish(v, scoresOf(v, rows(said[i])))
    expect(await scoreOf(world, miner)).toBe(median)
  })

  it('says who said it, for which cards, how long ago; and ages out, with or without a word from anybody', async () => {
    const world = await publishingWorld([3, 1, 1])
    const { url, edge, validators, key } = world
    const [a, b, c] = validators as [WireMiner, WireMiner, WireMiner]
    const [one, two] = [await edge.miner(), await edge.miner()]
    expect((await edge.call(key, 'GET', '/v1/network')).body).toMatchObject({ validators_published: 0, published_age_s: null })
    expect(await shown(world, one)).toMatchObject({ score: null, score_age_s: null, scored_by: 0, scores: [], penalties: [] })

    await publish(b, scoresOf(b, [row(one.hotkey, 80, { own: false })], { at_ms: Date.now() - 60_000 }))
    await publish(a, scoresOf(a, [row(one.hotkey, 70), row(two.hotkey, 0)], { at_ms: Date.now() - 120_000 }))
    const until_ms = Date.now() + 3600_000
    await penalize(c, penaltiesOf(c, [penalty(one.hotkey, { reason: 'liar', until_ms }), penalty(two.hotkey, { until_ms: Date.now() - 1 })]))
    const seen = await shown(world, one)
    expect(seen).toMatchObject({
      score: 70,
      scored_by: 1,
      scores: [
        { validator: b.hotkey, score: 80, own: false, gpus: { model: 'NVIDIA H200', count: 8 } },
        { validator: a.hotkey, score: 70, own: true },
      ],
      penalties: [{ validator: c.hotkey, reason: 'liar', until: new Date(until_ms).toISOString() }],
    })
    expect(seen.score_age_s).toBeGreaterThanOrEqual(120)
    expect(seen.scores[0]?.age_s).toBeGreaterThanOrEqual(60)
    expect(await shown(world, two)).toMatchObject({ score: 0, scored_by: 1, penalties: [], scores: [{ gpus: null }] })
    const { items } = (await edge.call<{ items: Shown[] }>(key, 'GET', '/v1/miners')).body
    expect(items.find((m) => m.hotkey === one.hotkey)).toMatchObject({ score: 70, scored_by: 1 })
    expect((await edge.call(key, 'GET', '/v1/network')).body).toMatchObject({ validators: 3, validators_published: 3 })

    await back(url, SCORE_STALE_MS)
    await edge.running.tick()
    expect(await shown(world, one)).toMatchObject({ score: null, scored_by: 0, scores: [], penalties: [] })
    const network = (await edge.call<{ published_age_s: number }>(key, 'GET', '/v1/network')).body
    expect(network).toMatchObject({ validators_published: 0 })
    expect(network.published_age_s).toBeGreaterThanOrEqual(SCORE_STALE_MS / 1000 - 1)
    const { checks } = (await edge.call<{ checks: object[] }>('', 'GET', '/health')).body
    expect(checks).toContainEqual({ name: 'publications', ok: true, detail: expect.stringContaining('nobody published') })
    const metrics = await (await fetch(`${edge.url}/metrics`, { headers: { authorization: `Bearer ${edge.adminKey}` } })).text()
    expect(metrics).toMatch(/^compute_edge_publishing_validators 0$/m)
    expect(Number(/^compute_edge_publication_age_seconds (\S+)$/m.exec(metrics)?.[1])).toBeGreaterThanOrEqual(SCORE_STALE_MS / 1000 - 1)
  })

  it('is 0 while most of the stake that published penalizes it, and is back when that is over', async () => {
    const world = await publishingWorld([2, 2, 1])
    const { url, edge, validators } = world
    const [a, b, c] = validators as [WireMiner, WireMiner, WireMiner]
    const miner = await edge.miner()
    for (const v of validators) await publish(v, scoresOf(v, [row(miner.hotkey, 60)]))
    await penalize(a, penaltiesOf(a, [penalty(miner.hotkey)]))
    expect(await scoreOf(world, miner), 'two of five').toBe(60)
    await penalize(c, penaltiesOf(c, [penalty(miner.hotkey, { until_ms: Date.now() + 3600_000 })]))
    expect(await scoreOf(world, miner), 'three of five').toBe(0)
    await edge.running.tick()
    await query(url, `UPDATE penalties SET until_at = ${Date.now() - 1} WHERE validator = '${c.hotkey}'`)
    await edge.running.tick()
    expect(await scoreOf(world, miner)).toBe(60)
    await penalize(b, penaltiesOf(b, [penalty(miner.hotkey, { until_ms: 253_402_300_799_999 })]))
    expect(await shown(world, miner), 'until the end of the calendar').toMatchObject({ penalties: [{}, { until: '9999-12-31T23:59:59.999Z' }] })
    await penalize(b, penaltiesOf(b, [penalty(miner.hotkey, { from_ms: Date.now() + 3600_000 })]))
    expect(await scoreOf(world, miner), 'a penalty to come').toBe(60)
  })

  it('follows stake and permits of the chain, and a drain by a person', async () => {
    const world = await publishingWorld([3, 1, 1])
    const { edge, validators, subnet, apply } = world
    const [a, b, c] = validators as [WireMiner, WireMiner, WireMiner]
    const miner = await edge.miner()
    await publish(a, scoresOf(a, [row(miner.hotkey, 90)]))
    for (const v of [b, c]) await publish(v, scoresOf(v, [row(miner.hotkey, 10)]))
    expect(await scoreOf(world, miner)).toBe(90)
    subnet.stakes(b.hotkey, 18_446_744_073_709_551_615n).stakes(c.hotkey, 18_446_744_073_709_551_615n)
    await apply()
    expect(await scoreOf(world, miner)).toBe(10)
    await edge.running.tick()
    for (const v of [b, c]) await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${v.hotkey}`)
    await edge.running.tick()
    expect(await scoreOf(world, miner), 'keys that a person took out').toBe(90)
  })
})

describe('picking', () => {
  it('takes the best score first, the unknown and the zero last, and leaves nobody out', { timeout: 60_000 }, async () => {
    const world = await publishingWorld([1])
    const { edge, validators, key } = world
    const [a] = validators as [WireMiner]
    const miners = [await edge.miner(1), await edge.miner(1), await edge.miner(1), await edge.miner(1)]
    const [zero, good, best, unknown] = miners.map((m) => m.hotkey) as [string, string, string, string]
    await publish(a, scoresOf(a, [row(good, 30), row(best, 30.5), row(zero, 0)]))
    const order: (string | null)[] = []
    for (const _ of miners) order.push((await edge.allocate(key)).body.hotkey)
    expect(order.slice(0, 2)).toEqual([best, good])
    expect(order.slice(2).sort()).toEqual([unknown, zero].sort())
  })

  it('finds the best of a whole subnet', { timeout: 60_000 }, async () => {
    const { url, edge, key } = await publishingWorld([1])
    const { hotkey } = await edge.miner(1)
    const others = Array.from({ length: 180 }, someone).sort()
    const copy = (table: string, columns: string) =>
      query(
        url,
        `INSERT INTO ${table} (hotkey, ${columns}) SELECT h.value, ${columns} FROM json_each('${JSON.stringify(others)}') h, ${table} t WHERE t.hotkey = '${hotkey}'`,
      )
    await copy('agents', 'role, source, changed_at')
    await copy('miners', 'install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, registered_at')
    await copy('gpus', 'uuid, idx, model, model_key, vram_mb, simulated, first_seen_at, seen_at')
    await copy('miner_images', 'reference, warm')

    const best = [others[70], others[140]]
    await query(url, `UPDATE miners SET score = 50 WHERE hotkey IN ('${best.join("', '")}')`)
    const got = [(await edge.allocate(key)).body.hotkey, (await edge.allocate(key)).body.hotkey]
    expect(got.sort()).toEqual(best.sort())
  })
})
