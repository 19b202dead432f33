import { describe, expect, it, onTestFinished } from 'vitest'
import { SCORE_STALE_MS, type ScoreRow, scoresStatement } from '../../schema/index.ts'
import { WireMiner } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import { startTestEdge } from '../support/edge.ts'
import { penalize, penaltiesOf, penalty, publish, publishingWorld, row, scoresOf, signatureOf, stateOf } from '../support/publication.ts'
import { someone } from '../support/snapshot.ts'
import { Tap } from '../support/tap.ts'

const MINUTE_MS = 60_000
const said = async (url: string) => query(url, 'SELECT validator, hotkey, score FROM scores ORDER BY validator, hotkey')

describe('who may publish', () => {
  it('is a validator, for itself, on this subnet, now', async () => {
    const { url, edge, validators } = await publishingWorld([1, 1])
    const [a, b] = validators as [WireMiner, WireMiner]
    const miner = await edge.miner()
    expect(await publish(miner, scoresOf(miner, []))).toMatchObject({ http: 403, code: 'wrong_role' })
    const stranger = new WireMiner(edge)
    expect(await publish(stranger, scoresOf(stranger, []))).toMatchObject({ http: 403, code: 'not_admitted' })
    expect(await stateOf(miner)).toMatchObject({ code: 'wrong_role' })

    const rows = [row(miner.hotkey, 50)]
    const wrong = async (field: string, made: Parameters<typeof publish>[1], by = a) =>
      expect(await publish(by, made)).toMatchObject({ http: 422, code: 'invalid_request', errors: [{ field }] })
    await wrong('validator', scoresOf(b, rows)) // another's document, as it was signed
    await wrong('signature', { ...scoresOf(b, rows), validator: a.hotkey }) // and under one's own name
    await wrong('signature', { ...scoresOf(a, rows), scores: [row(miner.hotkey, 99)] })
    await wrong('signature', scoresOf(a, rows, { signature: signatureOf(b, scoresStatement(scoresOf(a, rows))) }))
    await wrong('netuid', scoresOf(a, rows, { netuid: 3 }))
    await wrong('at_ms', scoresOf(a, rows, { at_ms: Date.now() + 3 * MINUTE_MS }))
    await wrong('at_ms', scoresOf(a, rows, { at_ms: Date.now() - SCORE_STALE_MS - MINUTE_MS }))
    expect(await said(url)).toEqual([])
    expect(await publish(a, scoresOf(a, rows, { at_ms: Date.now() + MINUTE_MS }))).toMatchObject({ http: 200, outcome: 'kept' })
  })

  it('says no number that is none, and no hotkey twice', async () => {
    const { url, edge, validators } = await publishingWorld([1])
    const [a] = validators as [WireMiner]
    const { hotkey } = await edge.miner()
    const bad: [string, unknown][] = [
      ['scores.0.score', [row(hotkey, 101)]],
      ['scores.0.score', [row(hotkey, -1)]],
      ['scores.0.score', [row(hotkey, Number.NaN)]], // null in JSON
      ['scores.0.score', [{ ...row(hotkey, 1), score: '1' }]],
      ['scores.0.gpus.count', [row(hotkey, 1, { gpus: { model: 'x', count: 65 } })]],
      ['scores', [row(hotkey, 1), row(hotkey, 2)]],
      ['scores', Array.from({ length: 4097 }, () => row(someone(), 1))],
    ]
    for (const [field, rows] of bad)
      expect(await publish(a, scoresOf(a, rows as ScoreRow[])), field).toMatchObject({ http: 422, code: 'invalid_request', errors: [{ field }] })
    expect(await penalize(a, penaltiesOf(a, [penalty(hotkey), penalty(hotkey)]))).toMatchObject({ http: 422, errors: [{ field: 'penalties' }] })
    for (const [field, times] of [
      ['penalties.0.until_ms', { until_ms: 253_402_300_800_000 }], // the year 10,000, which RFC 3339 cannot say
      ['penalties.0.from_ms', { from_ms: Number.MAX_SAFE_INTEGER }],
    ] as const)
      expect(await penalize(a, penaltiesOf(a, [penalty(hotkey, times)])), field).toMatchObject({ http: 422, errors: [{ field }] })
    expect(await penalize(a, penaltiesOf(a, [penalty(hotkey, { reason: '\ud800' })]))).toMatchObject({ http: 400, code: 'malformed_request' })
    const long = await a.send('POST', '/validator/scores', { ...scoresOf(a, []), more: 'x'.repeat(2 * 1024 * 1024) })
    expect(long.status).toBe(413)
    expect(await said(url)).toEqual([])
  })
})

describe('the latest of a validator', () => {
  it('is kept, as it was signed; what is older changes nothing, and the same answers the same', async () => {
    const { url, edge, validators } = await publishingWorld([1, 1])
    const [a, b] = validators as [WireMiner, WireMiner]
    const [one, two] = [await edge.miner(), await edge.miner()]
    const now = Date.now()
    const first = scoresOf(a, [row(one.hotkey, 12.5), row(two.hotkey, 7), row(someone(), 3)], { at_ms: now - 2000 })
    expect(await publish(a, first)).toEqual({ http: 200, outcome: 'kept', at_ms: now - 2000 })
    expect(await publish(a, first)).toEqual({ http: 200, outcome: 'kept', at_ms: now - 2000 })
    expect((await said(url)).map((r) => r['score']).sort()).toEqual([12.5, 7]) // an unregistered hotkey has no row

    const second = scoresOf(a, [row(one.hotkey, 20)], { at_ms: now - 1000 })
    expect(await publish(a, second)).toMatchObject({ outcome: 'kept' })
    expect(await publish(a, first)).toEqual({ http: 200, outcome: 'older', at_ms: now - 1000 })
    expect(await publish(a, scoresOf(a, [row(one.hotkey, 99)], { at_ms: now - 1000 })), 'another word of the same moment').toMatchObject({ outcome: 'older' })
    expect(await said(url)).toEqual([{ validator: a.hotkey, hotkey: one.hotkey, score: 20 }])

    const penalties = penaltiesOf(a, [penalty(one.hotkey, { reason: 'two "cards", one\nserial' }), penalty(someone())])
    expect(await penalize(a, penalties)).toMatchObject({ outcome: 'kept' })
    expect(await stateOf(b)).toMatchObject({ scores: [second], penalties: [penalties] })
    expect(await stateOf(a), 'its own is not told to it').toMatchObject({ scores: [], penalties: [] })
    expect(await penalize(a, penaltiesOf(a, [], { at_ms: Date.now() + 1 }))).toMatchObject({ outcome: 'kept' })
    expect(await query(url, 'SELECT * FROM penalties')).toEqual([])
  })

  it('is the same after each statement ran twice, as after answers that were lost', async () => {
    const database = await databases()[0].start()
    const tap = await new Tap(() => ({ port: Number(new URL(database.url).port) })).listen()
    const edge = await startTestEdge(tap.url)
    onTestFinished(async () => {
      await edge.close()
      await tap.close()
      await database.close()
    })
    const a = new WireMiner(edge)
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: a.hotkey, role: 'validator' })
    const [one, two] = [await edge.miner(), await edge.miner()]
    let repeated = 0
    tap.onAnswer = async (_, repeat) => void (repeated += Number((await repeat()) === 200))
    expect(await publish(a, scoresOf(a, [row(one.hotkey, 1), row(two.hotkey, 2)], { at_ms: Date.now() - 1000 }))).toMatchObject({ outcome: 'kept' })
    expect(await publish(a, scoresOf(a, [row(one.hotkey, 3)]))).toMatchObject({ outcome: 'kept' })
    expect(repeated).toBeGreaterThan(2)
    expect(await said(database.url)).toEqual([{ validator: a.hotkey, hotkey: one.hotkey, score: 3 }])
    expect(await query(database.url, 'SELECT score FROM miners WHERE score IS NOT NULL')).toEqual([{ score: 3 }])
  })

  it('may be about 4,096 miners', { timeout: 60_000 }, async () => {
    const { edge, validators } = await publishingWorld([1, 1])
    const [a, b] = validators as [WireMiner, WireMiner]
    const miner = await edge.miner()
    const rows = [row(miner.hotkey, 33), ...Array.from({ length: 4095 }, () => row(someone(), 50, { gpus: { model: 'x'.repeat(64), count: 64 } }))]
    const made = scoresOf(a, rows)
    expect(await publish(a, made)).toMatchObject({ http: 200, outcome: 'kept' })
    expect((await stateOf(b)).scores).toEqual([made])
  })

  it('has a rate', { timeout: 60_000 }, async () => {
    const { validators } = await publishingWorld([1, 1])
    const [a, b] = validators as [WireMiner, WireMiner]
    const answers: number[] = []
    for (let i = 0; i < 40; i++) answers.push((await publish(a, scoresOf(a, []))).http)
    expect([...new Set(answers)]).toEqual([200, 429])
    expect(await publish(b, scoresOf(b, []))).toMatchObject({ http: 200 })
  })
})

describe('what was said', () => {
  it('goes with its validator', async () => {
    const { url, edge, validators, subnet, apply } = await publishingWorld([1, 1])
    const [a, b] = validators as [WireMiner, WireMiner]
    const { hotkey } = await edge.miner()
    subnet.join(hotkey)
    for (const v of [a, b]) {
      await publish(v, scoresOf(v, [row(hotkey, 10)]))
      await penalize(v, penaltiesOf(v, [penalty(hotkey)]))
    }
    subnet.leave(b.hotkey)
    await apply()
    await apply() // who leaves is gone with the second
    await edge.running.tick()
    expect((await stateOf(a)).scores).toEqual([])
    const left = async (table: string) => (await query(url, `SELECT DISTINCT validator FROM ${table}`)).map((r) => r['validator'])
    for (const table of ['publications', 'scores', 'penalties']) expect(await left(table), table).toEqual([a.hotkey])
  })
})
