import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import type { WireMiner } from '../support/agent.ts'
import { HOST_KEY } from '../support/agent.ts'
import { databases, query } from '../support/database.ts'
import { readUntil, startTestEdge, type TestEdge } from '../support/edge.ts'

const H = 3600_000
const KEY_2 = sshKey()
const KEY_3 = sshKey()

/** A public key whose private half nobody keeps. */
function sshKey(): string {
  const raw = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const part = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
  return `ssh-ed25519 ${Buffer.concat([part(Buffer.from('ssh-ed25519')), part(raw)]).toString('base64')}`
}

describe.each(databases().filter((d) => d.available))('acts on $name', (database) => {
  let db: { url: string; close(): Promise<void> }
  let edge: TestEdge
  let key: string
  beforeAll(async () => {
    db = await database.start()
    edge = await startTestEdge(db.url)
    key = await edge.key('alice')
  })
  afterAll(async () => {
    await edge?.close()
    await db?.close()
  })

  type View = AllocationView & ProblemBody
  const act = (id: string, verb: string, body?: object, prefer = 'wait=0', as = key) =>
    edge.call<View>(as, 'POST', `/v1/allocations/${id}/${verb}`, body, { prefer })
  const see = async (id: string) => (await edge.call<View>(key, 'GET', `/v1/allocations/${id}`)).body
  const kinds = async (id: string) => (await query(db.url, `SELECT kind FROM events WHERE allocation_id = '${id}' ORDER BY id`)).map((r) => r['kind'])
  const count = async (id: string, kind: string) => (await kinds(id)).filter((k) => k === kind).length

  /** A rental on a miner of its own, not ready yet. */
  async function claimed(): Promise<{ id: string; miner: WireMiner }> {
    const model = `GPU ${Math.random()}`
    const miner = await edge.miner(1, model)
    const { body } = await edge.allocate(key, { gpu: { count: 1, model }, lease_hours: 2 })
    return { id: body.id, miner }
  }
  async function running(): Promise<{ id: string; miner: WireMiner }> {
    const rented = await claimed()
    await rented.miner.obey()
    return rented
  }

  it('pause and resume return once the fact follows; 202 until then', async () => {
    const { id, miner } = await running()
    const early = await act(id, 'pause')
    expect(early).toMatchObject({ status: 202, body: { state: 'running', desired: 'pause', generation: 2 } })
    expect(early.headers.get('location')).toBe(`/v1/allocations/${id}`)
    expect(await miner.sync()).toMatchObject([{ id, desired: 'pause' }])
    const waiting = act(id, 'pause', undefined, 'wait=60')
    await miner.obey()
    expect(await waiting).toMatchObject({ status: 200, body: { state: 'paused', generation: 2, observed_generation: 2 } })
    const back = act(id, 'resume', undefined, 'wait=60')
    await readUntil(
      () => miner.sync([]),
      ([entry]) => entry?.kind === 'container' && entry.desired === 'run',
    )
    await miner.obey()
    expect(await back).toMatchObject({ status: 200, body: { state: 'running', desired: 'run', generation: 3 } })
    expect(await kinds(id)).toEqual(['allocated', 'ready', 'pause_asked', 'paused', 'resume_asked', 'resumed'])
  })

  it.each([
    ['pause', 'paused', undefined],
    ['restart', 'restarted', { restart_n: 1 }],
    ['rekey', 'rekeyed', { ssh_keys: [KEY_2] }],
  ] as const)('%s: twice and 20 times at once is once', async (verb, done, body) => {
    const { id, miner } = await running()
    const answers = await Promise.all(Array.from({ length: 20 }, () => act(id, verb, body)))
    expect(answers.map((a) => a.status)).toEqual(Array(20).fill(202))
    await miner.obey()
    expect(await act(id, verb, body)).toMatchObject({ status: 200, body: { generation: 2, observed_generation: 2 } })
    expect(await count(id, `${verb}_asked`)).toBe(1)
    expect(await count(id, done)).toBe(1)
  })

  it('20 extensions at once are all granted, and end together', async () => {
    const { id } = await running()
    const answers = await Promise.all(Array.from({ length: 20 }, () => act(id, 'extend', { lease_hours: 5 })))
    expect(answers.map((a) => a.status)).toEqual(Array(20).fill(200))
    const { expires_at, generation } = await see(id)
    expect(Math.abs(Date.parse(expires_at) - Date.now() - 5 * H)).toBeLessThan(H)
    expect(await count(id, 'extended')).toBe(generation - 1)
  })

  it('a restart is once more when it names no number; a number may not leave any out', async () => {
    const { id, miner } = await running()
    expect((await act(id, 'restart')).body).toMatchObject({ restart_n: 1, observed_restart_n: 0 })
    await miner.obey()
    expect((await act(id, 'restart', {})).body).toMatchObject({ restart_n: 2, observed_restart_n: 1 })
    expect((await act(id, 'restart', { restart_n: 2 })).body.restart_n).toBe(2)
    expect((await act(id, 'restart', { restart_n: 9 })).body).toMatchObject({ code: 'invalid_request', errors: [{ field: 'restart_n' }] })
    const waiting = act(id, 'restart', { restart_n: 2 }, 'wait=60')
    await miner.obey()
    expect(await waiting).toMatchObject({ status: 200, body: { state: 'running', observed_restart_n: 2 } })
  })

  it('a paused rental is restarted and stays paused', async () => {
    const { id, miner } = await running()
    await act(id, 'pause')
    await miner.obey()
    const waiting = act(id, 'restart', undefined, 'wait=60')
    const [entry] = await readUntil(
      () => miner.sync([]),
      ([e]) => e?.kind === 'container' && e.restart_n === 1,
    )
    expect(entry).toMatchObject({ desired: 'pause', restart_n: 1 })
    await miner.obey()
    expect(await waiting).toMatchObject({ status: 200, body: { state: 'paused', observed_restart_n: 1 } })
  })

  it('rekey takes effect with the fact, in any order of keys, and before it is ready too', async () => {
    const { id, miner } = await claimed()
    expect((await act(id, 'rekey', { ssh_keys: [HOST_KEY] })).body).toMatchObject({ keys_n: 0 })
    expect(await act(id, 'rekey', { ssh_keys: [KEY_2, KEY_3] })).toMatchObject({ status: 202, body: { keys_n: 1 } })
    expect((await act(id, 'rekey', { ssh_keys: [KEY_3, KEY_2, KEY_3] })).body).toMatchObject({ keys_n: 1 })
    const [entry] = await miner.sync()
    expect(entry).toMatchObject({ keys_n: 1, ssh_keys: [KEY_2, KEY_3] })
    await miner.obey()
    expect(await act(id, 'rekey', { ssh_keys: [KEY_2, KEY_3] })).toMatchObject({ status: 200, body: { observed_keys_n: 1 } })
    const waiting = act(id, 'rekey', { ssh_keys: [KEY_3] }, 'wait=60')
    await readUntil(
      () => miner.sync([]),
      ([e]) => e?.kind === 'container' && e.keys_n === 2,
    )
    await miner.obey()
    expect(await waiting).toMatchObject({ status: 200, body: { keys_n: 2, observed_keys_n: 2 } })
    const [told] = await query(db.url, `SELECT data FROM events WHERE allocation_id = '${id}' AND kind = 'rekey_asked'`)
    expect(JSON.parse(String(told?.['data']))).toEqual({ keys: 2 })
    expect(await act(id, 'rekey', { ssh_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----'] })).toMatchObject({ status: 422, body: { code: 'invalid_request' } })
  })

  it('extend moves the end and its warnings, never back, never beyond the quota', async () => {
    const { id, miner } = await claimed()
    const warnAt = async () => Number((await query(db.url, `SELECT warn_at FROM allocations WHERE id = '${id}'`))[0]?.['warn_at'])
    const end = async () => Date.parse((await see(id)).expires_at)
    expect((await end()) - (await warnAt())).toBe(H)
    const extended = await act(id, 'extend', { lease_hours: 48 })
    expect(extended.status).toBe(200)
    expect(Math.abs((await end()) - Date.now() - 48 * H)).toBeLessThan(H)
    expect((await end()) - (await warnAt())).toBe(24 * H)
    const [entry] = await miner.sync()
    expect(entry).toMatchObject({ expires_at_ms: await end() })
    expect((await act(id, 'extend', { lease_hours: 47 })).body).toMatchObject({ code: 'invalid_request', errors: [{ field: 'lease_hours' }] })
    expect((await act(id, 'extend', { lease_hours: 721 })).body).toMatchObject({ code: 'invalid_request', errors: [{ field: 'lease_hours' }] })
    expect(await kinds(id)).toEqual(['allocated', 'extended'])
    await query(db.url, `UPDATE allocations SET expires_at = ${Date.now() - 1} WHERE id = '${id}'`)
    expect((await act(id, 'extend', { lease_hours: 48 })).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('run out') })
  })

  it('a draining miner finishes what it runs: no extension, every other act', async () => {
    const { id, miner } = await running()
    const { expires_at } = await see(id)
    expect((await edge.call(edge.adminKey, 'DELETE', `/admin/allow/${miner.hotkey}`)).status).toBe(204)
    const refused = await act(id, 'extend', { lease_hours: 5 })
    expect(refused).toMatchObject({
      status: 409,
      body: { code: 'conflict', detail: expect.stringMatching(`${miner.hotkey} is draining: ${id} runs until ${expires_at}`) },
    })
    expect(await see(id)).toMatchObject({ expires_at, generation: 1 })
    for (const verb of ['pause', 'resume', 'restart']) {
      expect((await act(id, verb)).status).toBe(202)
      await miner.obey()
    }
    expect(await see(id)).toMatchObject({ state: 'running' })
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
    expect((await act(id, 'extend', { lease_hours: 5 })).status).toBe(200)
  })

  const ACTS: [verb: string, body?: object][] = [['pause'], ['resume'], ['restart'], ['rekey', { ssh_keys: [KEY_2] }], ['extend', { lease_hours: 5 }]]

  it.each(ACTS)("%s: another tenant's is not there, and a bad wait does nothing", async (verb, body) => {
    const { id } = await running()
    const bob = await edge.key('bob')
    expect(await act(id, verb, body, 'wait=0', bob)).toMatchObject({ status: 404, body: { code: 'not_found' } })
    if (verb !== 'extend') expect(await act(id, verb, body, 'wait=soon')).toMatchObject({ status: 422 })
    expect((await see(id)).generation).toBe(1)
  })

  it.each(ACTS)('%s is refused where there is nothing to act on, and says why', async (verb, body) => {
    const { id, miner } = await claimed()
    if (verb !== 'rekey' && verb !== 'extend')
      expect(await act(id, verb, body)).toMatchObject({ status: 409, body: { code: 'conflict', detail: expect.stringContaining('ready') } })
    await edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
    expect((await act(id, verb, body)).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('being stopped') })
    await miner.obey()
    await edge.running.tick()
    const generation = (await see(id)).generation
    expect((await act(id, verb, body)).body).toMatchObject({ code: 'conflict', detail: expect.stringContaining('over') })
    expect(await see(id)).toMatchObject({ generation, state: 'ended' })
  })

  it.each(ACTS)('%s: an agent that does not know it is not asked', async (verb, body) => {
    const { id, miner } = await running()
    await miner.sync([], { protocol: 1 })
    const answer = await act(id, verb, body)
    if (verb === 'extend') return expect(answer.status).toBe(200)
    expect(answer).toMatchObject({ status: 409, body: { code: 'unsupported_by_miner', detail: expect.stringContaining('protocol 1') } })
    expect((await see(id)).generation).toBe(1)
  })

  it('no act brings back what is released in the same moment', async () => {
    for (let round = 0; round < 4; round++) {
      const { id, miner } = await running()
      const bodies: [string, object?][] = [['pause'], ['restart'], ['resume'], ['rekey', { ssh_keys: [KEY_2] }], ['extend', { lease_hours: 5 }]]
      const acts = bodies.map(([verb, body]) => act(id, verb, body))
      const released = edge.call(key, 'DELETE', `/v1/allocations/${id}`, undefined, { prefer: 'wait=0' })
      const answers = await Promise.all([...acts, released])
      for (const { status } of answers) expect([200, 202, 409]).toContain(status)
      expect(await see(id)).toMatchObject({ desired: 'stop', state: 'stopping' })
      expect(await miner.sync()).toMatchObject([{ kind: 'tombstone' }])
      await miner.obey()
      expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'released' })
    }
  })

  it('one that waits for its fact hears at once that it will not come', async () => {
    const { id } = await running()
    const waiting = act(id, 'pause', undefined, 'wait=90')
    await readUntil(
      () => see(id),
      (a) => a.desired === 'pause',
    )
    await act(id, 'resume')
    expect(await waiting).toMatchObject({ status: 202, body: { desired: 'run' } })
  })

  it('a paused rental that is lost ends like a running one', async () => {
    const { id, miner } = await running()
    await act(id, 'pause')
    await miner.obey()
    const [entry] = await miner.sync()
    if (!entry) throw new Error('no wish')
    await miner.sync([miner.fact(entry, 'gone')])
    expect(await see(id)).toMatchObject({ state: 'failed', end_reason: 'lost' })
    expect(await count(id, 'failed')).toBe(1)
    expect(await miner.sync()).toEqual([])
  })

  it('a paused rental has no deadline and expires as any other', async () => {
    const { id, miner } = await running()
    await act(id, 'pause')
    await miner.obey()
    const [row] = await query(db.url, `SELECT deadline_at FROM allocations WHERE id = '${id}'`)
    expect(row).toEqual({ deadline_at: null })
    await query(db.url, `UPDATE allocations SET expires_at = ${Date.now() - 1} WHERE id = '${id}'`)
    await edge.running.tick()
    await miner.obey()
    expect(await see(id)).toMatchObject({ state: 'ended', end_reason: 'expired' })
  })
})
