import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { redact } from '../../edge/log.ts'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import { HOST_KEY, WireMiner } from '../support/agent.ts'
import { databases, query, type Running } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'

const PRIVATE_KEY = `-----BEGIN OPENSSH PRIVATE KEY-----\n${randomBytes(60).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----`
const secret = (name: string) => `${name}-${randomBytes(12).toString('hex')}`
const PASSWORD = secret('password')
const TOKEN = secret('token')
const INIT = secret('init')
const IDEMPOTENCY = secret('idempotency')
const COOKIE = secret('cookie')
const TRACE = randomBytes(16).toString('hex')
const traced = { traceparent: `00-${TRACE}-${'ab'.repeat(8)}-01` }

let database: Running
let edge: TestEdge
/** Every secret that a request or an answer carried. */
const secrets: string[] = [PASSWORD, TOKEN, INIT, IDEMPOTENCY, COOKIE, PRIVATE_KEY.split('\n')[1] ?? '']
beforeAll(async () => {
  database = await databases()[0].start()
  edge = await startTestEdge(database.url)
  secrets.push(edge.adminKey)
})
afterAll(async () => {
  await edge?.close()
  await database?.close()
})

const body = (change: object = {}) => ({ ssh_keys: [HOST_KEY], env: { PASSWORD, TOKEN }, init: [['echo', INIT]], ...change })
const lines = () => edge.logs.flatMap((line) => line.split('\n'))
const hold = (text: string) => secrets.filter((s) => text.includes(s))

describe('log lines of the edge', () => {
  it('hold none of the secrets of requests that work', async () => {
    const key = await edge.key('alice')
    secrets.push(key, key.slice(30))
    const miner = await edge.miner(2, 'Model quiet')
    const sent = await edge.call<AllocationView>(key, 'POST', '/v1/allocations', body({ gpu: { model: 'quiet' } }), {
      ...traced,
      prefer: 'wait=0',
      cookie: COOKIE,
      'idempotency-key': IDEMPOTENCY,
    })
    expect(sent.status).toBe(202)
    await miner.obey()
    if (miner.wish) secrets.push(JSON.stringify(miner.wish).slice(0, 80))
    await edge.call(key, 'POST', `/v1/allocations/${sent.body.id}/rekey`, { ssh_keys: [HOST_KEY] }, { prefer: 'wait=0' })
    await edge.call(key, 'DELETE', `/v1/allocations/${sent.body.id}`, undefined, { prefer: 'wait=0' })
    expect(lines().some((l) => l.includes('"event":"allocated"') && l.includes(TRACE))).toBe(true)
    expect(hold(lines().join('\n'))).toEqual([])
  })

  it('nor of those that are refused', async () => {
    const wrong = secret('bearer')
    secrets.push(wrong)
    const key = await edge.key('bob')
    secrets.push(key)
    expect((await edge.call(wrong, 'GET', '/v1/gpus')).status).toBe(401)
    expect((await edge.call(key, 'POST', '/v1/allocations', body({ ssh_keys: [PRIVATE_KEY] }))).status).toBe(422)
    expect((await edge.call(key, 'POST', '/v1/allocations', `{"env":{"PASSWORD":"${PASSWORD}"`)).status).toBe(400)
    expect((await edge.call(key, 'GET', `/v1/allocations/${TOKEN}`)).status).toBe(422)
    const stranger = new WireMiner(edge)
    expect((await stranger.send('POST', '/agent/sync', stranger.report([]))).status).toBe(403)
    expect(hold(lines().join('\n'))).toEqual([])
  })

  it('nor of those that fail within, whose error carries what was asked of the database', async () => {
    const key = await edge.key('carol')
    secrets.push(key)
    await query(database.url, 'ALTER TABLE allocations RENAME TO allocations_hidden')
    const answers = [
      await edge.call<ProblemBody>(key, 'POST', '/v1/allocations', body(), { ...traced, 'idempotency-key': IDEMPOTENCY }),
      await edge.call<ProblemBody>(key, 'GET', '/v1/allocations'),
    ]
    await query(database.url, 'ALTER TABLE allocations_hidden RENAME TO allocations')
    for (const { body } of answers) expect(body).toMatchObject({ status: 500, code: 'internal' })
    const failures = lines().filter((l) => l.includes('"event":"problem"'))
    expect(failures.some((l) => l.includes(TRACE) && l.includes('no such table'))).toBe(true)
    expect(failures.join('\n')).not.toContain('params')
    expect(hold(lines().join('\n'))).toEqual([])
  })

  it('are JSON with an event and a trace id, each of them', async () => {
    await edge.running.tick()
    const own = lines().filter((l) => l.includes('"event"'))
    expect(own.length).toBeGreaterThan(4)
    for (const line of own) expect(JSON.parse(line)).toMatchObject({ event: expect.any(String), trace: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })
})

describe('a text for the log', () => {
  const key = `ck_${'0'.repeat(26)}`
  it.each([
    ['a key with its secret', `${key}_${'x'.repeat(43)}`, '[redacted]'],
    ['but not the id of a key alone', key, key],
    ['a bearer', 'Authorization: Bearer abc.def', 'Authorization: [redacted]'],
    ['a JWS', `wish eyJhbGciOiJFZERTQSJ9.eyJhIjoxfQ.c2ln end`, 'wish [redacted] end'],
    ['a private key', `a ${PRIVATE_KEY} b`, 'a [redacted] b'],
    ['the private half of a JWK', '{"kty":"OKP","d":"abc"}', '{"kty":"OKP",[redacted]}'],
    ['a seed', `0x${'ab'.repeat(32)}`, '[redacted]'],
    [
      'the values of a failed statement',
      'Error: Failed query: select ?\nparams: hunter2,x\ny <- LibsqlError: busy',
      'Error: Failed query: select ? [parameters] <- LibsqlError: busy',
    ],
  ])('loses %s', (_, text, expected) => expect(redact(text)).toBe(expected))
})
