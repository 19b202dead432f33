import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databases, query } from '../support/database.ts'
import { startTestEdge, type TestEdge } from '../support/edge.ts'

const MINERS = 8
const GPUS = 8
const REQUESTS = 200

type Claimed = { hotkey: string; uuid: string }

/** 200 allocations at once for 64 GPUs. @returns what was given, over the API and in the table */
async function rush(edge: TestEdge, url: string, count: number) {
  for (let i = 0; i < MINERS; i++) await edge.miner(GPUS)
  const key = await edge.key('rush')
  const answers = await Promise.all(Array.from({ length: REQUESTS }, () => edge.allocate(key, { gpu: { count } })))
  const given = answers.filter((a) => a.status === 202)
  const claims = (await query(url, 'SELECT hotkey, uuid FROM claims WHERE freed_at IS NULL')) as Claimed[]
  return { answers, given, claims, different: new Set(claims.map((c) => `${c.hotkey} ${c.uuid}`)).size }
}

describe.each(databases())('200 allocations at once for 64 GPUs on $name', (database) => {
  describe.skipIf(!database.available).each([1, 2, 3])('of %i each', (count) => {
    let db: Awaited<ReturnType<typeof database.start>>
    let edge: TestEdge
    beforeAll(async () => {
      db = await database.start()
      edge = await startTestEdge(db.url)
    })
    afterAll(async () => {
      await edge?.close()
      await db?.close()
    })

    it('gives each GPU once and fills the pool exactly', async () => {
      const { answers, given, claims, different } = await rush(edge, db.url, count)
      const fit = MINERS * Math.floor(GPUS / count)
      expect(given).toHaveLength(fit)
      expect(claims).toHaveLength(fit * count)
      expect(different).toBe(fit * count)
      const shown = given.flatMap((a) => a.body.gpus.map((g) => `${a.body.hotkey} ${g.uuid}`))
      expect(new Set(shown).size).toBe(fit * count)
      const refused = answers.filter((a) => a.status !== 202)
      expect(new Set(refused.map((a) => a.body.code))).toEqual(new Set(['no_capacity']))
    })
  })

  describe.skipIf(!database.available)('with guards taken away', () => {
    const unguarded = (script: string) => {
      const guard = 'g.claimed_by IS NULL AND g.gone_at IS NULL'
      if (!script.includes(guard)) throw new Error('the guard is not where this test takes it away')
      return script.replaceAll(guard, 'g.gone_at IS NULL')
    }

    it('the SQL re-check alone: the unique index still refuses a second booking', async () => {
      const db = await database.start()
      const edge = await startTestEdge(db.url, { rewrite: unguarded })
      const { claims, different } = await rush(edge, db.url, 1)
      await edge.close()
      await db.close()
      expect(different).toBe(claims.length)
    })

    it('the index too: GPUs are given twice, so the test above can fail', async () => {
      const db = await database.start()
      await query(db.url, 'DROP INDEX claims_live')
      const edge = await startTestEdge(db.url, { rewrite: unguarded })
      const { claims, different } = await rush(edge, db.url, 1)
      await edge.close()
      await db.close()
      expect(claims.length).toBeGreaterThan(different)
    })
  })
})

describe('a whole host', () => {
  const [sqlite] = databases()
  let db: { url: string; close(): Promise<void> }
  let edge: TestEdge
  beforeAll(async () => {
    if (!sqlite) throw new Error('no database')
    db = await sqlite.start()
    edge = await startTestEdge(db.url)
  })
  afterAll(async () => {
    await edge?.close()
    await db?.close()
  })

  it('is taken whole or not at all, and nobody else gets on it', async () => {
    const key = await edge.key('whole')
    const miner = await edge.miner(4, 'NVIDIA L4')
    const one = await edge.allocate(key, { gpu: { count: 1, model: 'l4' } })
    expect(one.status).toBe(202)
    expect((await edge.allocate(key, { gpu: { count: 'all', model: 'l4' } })).body.code).toBe('no_capacity')
    await edge.call(key, 'DELETE', `/v1/allocations/${one.body.id}`, undefined, { prefer: 'wait=0' })
    await miner.obey()
    const all = await edge.allocate(key, { gpu: { count: 'all', model: 'l4' } })
    expect(all.body.gpus).toHaveLength(4)
    miner.facts = {
      ...miner.facts,
      gpu: {
        status: 'ok',
        gpus: [...(miner.facts.gpu.status === 'ok' ? miner.facts.gpu.gpus : []), { uuid: 'GPU-new', index: 9, model: 'NVIDIA L4', vram_mb: 143_771 }],
      },
    }
    await miner.sync()
    expect((await edge.allocate(key, { gpu: { count: 1, model: 'l4' } })).body.code).toBe('no_capacity')
  })
})
