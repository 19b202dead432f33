import { expect, it } from 'vitest'
import { databases, query } from '../support/database.ts'
import { startTestEdge } from '../support/edge.ts'
import { readyProof, validatorAt } from '../support/wire-validator.ts'
import { Tap } from '../support/tap.ts'

/** The database did what it was told, and its answer is lost: the edge tells it once more. */

const [sqlite] = databases()

it('answers of the database that are lost change nothing about a proof', { timeout: 60_000 }, async () => {
  const database = await sqlite.start()
  const tap = await new Tap(() => ({ port: Number(new URL(database.url).port) })).listen()
  const edge = await startTestEdge(tap.url)
  /** Loses the answer to the next request that has this in it, and says what came of it all the same. */
  const lost = async <T>(statement: string, work: () => Promise<T>): Promise<T> => {
    const sprung = tap.trap(
      'after it was answered',
      ({ body }) => body.includes(statement),
      async () => undefined,
    )
    const [done] = await Promise.all([work(), sprung])
    return done
  }
  try {
    const validator = await validatorAt(edge)
    const key = await edge.key('alice')
    const miner = await edge.miner(2, 'Lost')
    const opened = await lost('INSERT INTO proofs', () => validator.open(miner.hotkey))
    expect([opened.http, opened.gpus.length]).toEqual([201, 2])
    await miner.obey()
    expect(await lost('SET go_at', () => validator.go(opened.id))).toMatchObject({ http: 200, state: 'ready' })
    expect((await lost('SET committed_at', () => validator.committed(opened.id))).http).toBe(200)
    expect(await lost('SET closed_at', () => validator.close(opened))).toMatchObject({ http: 200, state: 'closed' })
    await miner.obey()
    expect(await query(database.url, 'SELECT count(*) AS n FROM gpus WHERE proved_at IS NOT NULL')).toEqual([{ n: 2 }])
    expect(await query(database.url, 'SELECT count(*) AS n FROM claims')).toEqual([{ n: 2 }])

    const other = await validatorAt(edge)
    const yielding = await readyProof(other, miner)
    const rent = await lost('SET preempted_by', () => edge.allocate(key, { gpu: { count: 2, model: 'lost' } }))
    expect([rent.status, rent.body.gpus.length]).toEqual([202, 2])
    expect((await other.look(yielding.id)).state).toBe('preempted')
    const ended = await lost('INSERT INTO claims', async () => {
      await edge.call(key, 'DELETE', `/v1/allocations/${rent.body.id}`, undefined, { prefer: 'wait=0' })
      await miner.obey()
      return edge.allocate(key, { gpu: { count: 1, model: 'lost' } })
    })
    expect([ended.status, ended.body.gpus.length], 'and all cards are let go').toEqual([202, 1])
    expect(await query(database.url, `SELECT count(*) AS n FROM claims WHERE freed_at IS NULL`)).toEqual([{ n: 1 }])
  } finally {
    await edge.close()
    await tap.close()
    await database.close()
  }
})
