import { describe, expect, it } from 'vitest'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import { HOST_KEY, IMAGE, type WireMiner } from '../support/agent.ts'
import { query } from '../support/database.ts'
import { onOneEdge, startTestEdge, type TestEdge } from '../support/edge.ts'

let db: { url: string }
let edge: TestEdge
let miner: WireMiner
let key: string
onOneEdge(async (e, database) => {
  edge = e
  db = database
  miner = await edge.miner(64)
  key = await edge.key('alice')
})

describe('bad input names the field and the fix', () => {
  const cases: [string, object, string, RegExp][] = [
    ['no key', { ssh_keys: [] }, 'ssh_keys', /at least one/],
    ['a key that is none', { ssh_keys: ['hello'] }, 'ssh_keys.0', /\.pub/],
    ['a key with a second line', { ssh_keys: [`${HOST_KEY}\ncommand="sh" ${HOST_KEY}`] }, 'ssh_keys.0', /one line/],
    ['a key with options', { ssh_keys: [`command="sh" ${HOST_KEY}`] }, 'ssh_keys.0', /options/],
    ['an image with a shell in it', { image: 'ubuntu; rm -rf /' }, 'image', /reference/],
    ['a variable name with a space', { env: { 'A B': 'x' } }, 'env.A B', /letters/],
    ['a variable of the miner', { env: { NVIDIA_VISIBLE_DEVICES: 'all' } }, 'env.NVIDIA_VISIBLE_DEVICES', /set by the miner/],
    ['a variable with a line break', { env: { A: 'x\nAcceptEnv *' } }, 'env.A', /line breaks/],
    ['a command that is no argv', { init: ['rm -rf /'] }, 'init.0', /array/],
    ['no GPUs', { gpu: { count: 0 } }, 'gpu.count', /./],
    ['an unknown field', { gpus: 2 }, 'gpus', /unknown/],
    ['a lease of a year', { lease_hours: 9000 }, 'lease_hours', /./],
    ['a hotkey that is none', { hotkey: '5abc' }, 'hotkey', /ss58/],
  ]
  it.each(cases)('%s', async (_, body, field, message) => {
    const answer = await edge.allocate(key, body)
    expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
    const found = answer.body.errors?.find((e) => e.field === field)
    expect(found?.message, JSON.stringify(answer.body.errors)).toMatch(message)
  })

  it('an image nobody runs: says which ones are', async () => {
    expect(await edge.allocate(key, { image: 'nobody/has-this:1' })).toMatchObject({
      status: 422,
      body: { code: 'image_not_offered', errors: [{ field: 'image' }], allowed: [IMAGE] },
    })
  })

  it('what is no JSON, no JSON type, or too long', async () => {
    expect(await edge.call(key, 'POST', '/v1/allocations', '{"a"')).toMatchObject({ status: 400, body: { code: 'malformed_request' } })
    expect(await edge.call(key, 'POST', '/v1/allocations', 'a=b', { 'content-type': 'text/plain' })).toMatchObject({
      status: 415,
      body: { code: 'unsupported_media_type' },
    })
    expect(await edge.call(key, 'POST', '/v1/allocations', { name: 'x'.repeat(70_000) })).toMatchObject({ status: 413, body: { code: 'body_too_large' } })
    expect(await edge.call(key, 'POST', '/v1/allocations', { ssh_keys: [HOST_KEY] }, { prefer: 'wait=soon' })).toMatchObject({ status: 422 })
    expect(await edge.call(key, 'GET', '/v1/allocations/al_1')).toMatchObject({ status: 422 })
    expect(await edge.call(key, 'GET', '/v2/allocations')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  })
})

describe('keys', () => {
  it('are needed, whole and unrevoked, and have scopes', async () => {
    const answer = (k: string, path = '/v1/allocations') => edge.call<ProblemBody>(k, 'GET', path)
    expect(await answer('')).toMatchObject({ status: 401, body: { code: 'unauthorized' } })
    expect(await answer(`${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`)).toMatchObject({ status: 401 })
    expect(await answer(key, '/admin/keys')).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    expect(await answer(edge.adminKey)).toMatchObject({ status: 403 })
    const short = await edge.key('brief')
    expect((await answer(short)).status).toBe(200)
    await edge.call(edge.adminKey, 'DELETE', `/admin/keys/${short.slice(0, 29)}`)
    expect(await answer(short)).toMatchObject({ status: 401 })
  })

  it('are stored as hashes only, and every admin act is audited, for good', async () => {
    const stored = JSON.stringify(await query(db.url, 'SELECT * FROM api_keys'))
    expect(stored).not.toContain(key.slice(30))
    const [row] = await query(db.url, "SELECT * FROM audit WHERE action = 'create_key' ORDER BY id LIMIT 1")
    expect(row).toMatchObject({ actor: 'root', subject: key.slice(0, 29) })
    await expect(query(db.url, 'DELETE FROM audit')).rejects.toThrow(/append-only/)
  })

  it('see only their own tenant’s allocations: another’s is a 404', async () => {
    const mine = await edge.allocate(key)
    const bob = await edge.key('bob')
    for (const method of ['GET', 'DELETE']) {
      expect(await edge.call(bob, method, `/v1/allocations/${mine.body.id}`)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    }
    expect((await edge.call<{ items: unknown[] }>(bob, 'GET', '/v1/allocations')).body.items).toEqual([])
    const second = await edge.key('alice')
    expect((await edge.call<AllocationView>(second, 'GET', `/v1/allocations/${mine.body.id}`)).body.state).toBe('pending')
  })

  it('have quotas of GPUs and allocations, which a release gives back', async () => {
    const small = await edge.key('small', { max_gpus: 3, max_allocations: 2 })
    const first = await edge.allocate(small, { gpu: { count: 2 } })
    expect(await edge.allocate(small, { gpu: { count: 2 } })).toMatchObject({ status: 403, body: { code: 'quota_exceeded' } })
    expect((await edge.allocate(small)).status).toBe(202)
    expect(await edge.allocate(small)).toMatchObject({ status: 403, body: { code: 'quota_exceeded' } })
    await edge.call(small, 'DELETE', `/v1/allocations/${first.body.id}`, undefined, { prefer: 'wait=0' })
    expect((await edge.allocate(small)).status).toBe(202)
    const parallel = await edge.key('parallel', { max_allocations: 3 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => edge.allocate(parallel)))
    expect(answers.filter((a) => a.status === 202)).toHaveLength(3)
  })

  it('have rates, and say when to come back', async () => {
    const slow = await edge.key('slow', { requests_per_minute: 3 })
    const answers = []
    for (let i = 0; i < 4; i++) answers.push(await edge.call<ProblemBody>(slow, 'GET', '/v1/gpus'))
    expect(answers.map((a) => a.status)).toEqual([200, 200, 200, 429])
    expect(Number(answers[3]?.headers.get('retry-after'))).toBeGreaterThan(0)
    const rare = await edge.key('rare', { allocations_per_minute: 1 })
    await edge.allocate(rare)
    expect(await edge.allocate(rare)).toMatchObject({ status: 429, body: { code: 'rate_limited', retryable: true } })
  })
})

describe('the edge itself', () => {
  it('describes itself in OpenAPI 3.1, every operation with its problems', async () => {
    const doc = (await edge.call<{ openapi: string; paths: Record<string, Record<string, { responses: object }>> }>(key, 'GET', '/openapi.json')).body
    expect(doc.openapi).toBe('3.1.0')
    const operations = Object.entries(doc.paths).flatMap(([path, o]) => Object.keys(o).map((method) => `${method} ${path}`))
    expect(operations).toEqual(
      expect.arrayContaining([
        'post /v1/allocations',
        'get /v1/allocations',
        'get /v1/allocations/{id}',
        'delete /v1/allocations/{id}',
        'get /v1/gpus',
        'get /v1/miners',
        'post /agent/sync',
        'get /agent/wake',
        'post /admin/keys',
        'get /health',
      ]),
    )
    expect(Object.keys(doc.paths['/v1/allocations']?.['post']?.responses ?? {})).toEqual(expect.arrayContaining(['201', '202', '401', '409', '422', '429']))
  })

  it('names a missing secret, never its value, and turns red without a sweep', async () => {
    const broken = await startTestEdge(db.url, { vars: { SIGNING_KEY: '{"kty":"nonsense","d":"geheim"}' } }).catch((e: unknown) => e)
    if (broken instanceof Error) throw broken
    const edge2 = broken as TestEdge
    const answer = await fetch(`${edge2.url}/health`)
    const text = await answer.text()
    expect(answer.status).toBe(503)
    expect(text).toContain('SIGNING_KEY')
    expect(text).not.toContain('geheim')
    await edge2.close()
    expect((await fetch(`${edge.url}/health`)).status).toBe(503)
    await edge.running.tick()
    expect((await fetch(`${edge.url}/health`)).status).toBe(200)
  })

  it('says when the database is away, and works again when it is back', async () => {
    const away = await startTestEdge('http://127.0.0.1:9')
    expect(await away.call(away.adminKey, 'GET', '/admin/keys')).toMatchObject({ status: 503, body: { code: 'database_unavailable', retryable: true } })
    await away.close()
  })

  it('never logs a key, a signature or an environment value', async () => {
    await edge.allocate(key, { env: { TOKEN: 'very-secret-value' } })
    await miner.sync([])
    const logs = edge.logs.join('\n')
    expect(logs).toContain('allocated')
    for (const secret of [key.slice(30), edge.adminKey, 'very-secret-value', HOST_KEY]) expect(logs).not.toContain(secret)
  })
})
