import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, query } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'
import type { WireMiner } from '../support/agent.ts'

describe.each(databases().filter((d) => d.available))('Idempotency-Key on $name', (database) => {
  let db: { url: string; close(): Promise<void> }
  let edge: TestEdge
  let miner: WireMiner
  let key: string
  beforeAll(async () => {
    db = await database.start()
    edge = await startTestEdge(db.url)
    miner = await edge.miner(16)
    key = await edge.key('alice')
  })
  afterAll(async () => {
    await edge?.close()
    await db?.close()
  })
  const allocate = (idempotencyKey: string, body = {}, as = key) => edge.allocate(as, body, { prefer: 'wait=0', 'idempotency-key': idempotencyKey })

  it('replays the first allocation', async () => {
    const [first, again] = [await allocate('a'), await allocate('a')]
    expect(again.body.id).toBe(first.body.id)
    expect(await allocate('a', { gpu: { count: 1 } })).toMatchObject({ body: { id: first.body.id } })
  })

  it('makes one allocation of many requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => allocate('race')))
    expect(new Set(answers.map((a) => a.body.id)).size).toBe(1)
    expect(answers.every((a) => a.status === 202)).toBe(true)
  })

  it('refuses another body under the same key, and keeps the first', async () => {
    const first = await allocate('body')
    const other = await allocate('body', { gpu: { count: 2 } })
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
    expect((await allocate('body')).body.id).toBe(first.body.id)
  })

  it('is another tenant’s own affair', async () => {
    const mine = await allocate('shared')
    const theirs = await allocate('shared', { gpu: { count: 1 } }, await edge.key('bob'))
    expect(theirs.status).toBe(202)
    expect(theirs.body.id).not.toBe(mine.body.id)
  })

  it('replays what has ended as ended, and rents nothing new', async () => {
    const first = await allocate('ended')
    await edge.call(key, 'DELETE', `/v1/allocations/${first.body.id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    expect(await allocate('ended')).toMatchObject({ status: 201, body: { id: first.body.id, state: 'ended' } })
  })

  it('finds the allocation again when the answer was lost', async () => {
    const lost = new AbortController()
    const asked = fetch(`${edge.url}/v1/allocations`, {
      method: 'POST',
      signal: lost.signal,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'lost', prefer: 'wait=30' },
      body: JSON.stringify({ ssh_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPrvpHvYgTeUrwuLrCcvhZFnJBgnDRp2HWr2vYSFTN4O'] }),
    })
    const rows = async () => (await query(db.url, "SELECT id FROM allocations WHERE idempotency_key = 'lost'")) as { id: string }[]
    while ((await rows()).length === 0) await new Promise((done) => setTimeout(done, 10))
    lost.abort()
    await expect(asked).rejects.toThrow()
    const [row] = await rows()
    expect((await allocate('lost')).body.id).toBe(row?.id)
    expect(await rows()).toHaveLength(1)
  })

  it('is forgotten after 24 hours', async () => {
    const first = await allocate('old')
    await query(db.url, `UPDATE allocations SET created_at = created_at - 24 * 3600 * 1000 - 1 WHERE id = '${first.body.id}'`)
    const second = await allocate('old', { gpu: { count: 2 } })
    expect(second.status).toBe(202)
    expect(second.body.id).not.toBe(first.body.id)
  })
})
