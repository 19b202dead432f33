import { createClient } from '@libsql/client/web'
import { beforeAll, describe, expect, it } from 'vitest'
import { databases, onEveryDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'

onEveryDatabase('transactions', (client, database) => {
  const insert = (name: string) => ({ sql: 'INSERT INTO notes VALUES (?)', args: [name] })
  const has = async (name: string) => (await client().execute({ sql: 'SELECT 1 FROM notes WHERE name = ?', args: [name] })).rows.length === 1
  beforeAll(() => client().execute('CREATE TABLE notes (name TEXT PRIMARY KEY)'))

  it('a batch is applied as a whole and sees its own writes', async () => {
    const results = await client().batch([insert('b1'), insert('b2'), "SELECT count(*) AS n FROM notes WHERE name LIKE 'b%'"], 'write')
    expect(results[2]?.rows[0]?.['n']).toBe(2)
  })

  it('a batch with a bad statement leaves nothing', async () => {
    await expect(client().batch([insert('c1'), insert('b1')], 'write')).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
    expect(await has('c1')).toBe(false)
    await expect(client().batch([insert('c2'), 'SELEC'], 'write')).rejects.toThrow()
    expect(await has('c2')).toBe(false)
    await client().execute(insert('c3')) // and the write lock is free again
    expect(await has('c3')).toBe(true)
  })

  it('an interactive transaction is seen by others only after commit', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('i1'))
    expect((await tx.execute("SELECT 1 FROM notes WHERE name = 'i1'")).rows).toHaveLength(1)
    expect(await has('i1')).toBe(false)
    await tx.commit()
    expect(await has('i1')).toBe(true)
  })

  it('a rolled back transaction leaves nothing', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('r1'))
    await tx.rollback()
    expect(await has('r1')).toBe(false)
  })

  it('a failed statement inside a transaction does not undo the ones before it', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('f1'))
    await expect(tx.execute(insert('f1'))).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT' })
    await tx.commit()
    expect(await has('f1')).toBe(true)
  })

  it('a writer waits for the one before it; a reader does not', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('w1'))
    let written = false
    const waiting = client()
      .execute(insert('w2'))
      .then(() => (written = true))
    expect(await has('w1')).toBe(false)
    expect(written).toBe(false)
    await tx.commit()
    await waiting
    expect([await has('w1'), await has('w2')]).toEqual([true, true])
  })

  it('fifty writers at once lose no update', async () => {
    await client().execute('CREATE TABLE counter (n INT)')
    await client().execute('INSERT INTO counter VALUES (0)')
    await Promise.all(Array.from({ length: 50 }, () => client().batch(['UPDATE counter SET n = n + 1', 'UPDATE counter SET n = n + 1'], 'write')))
    expect((await client().execute('SELECT n FROM counter')).rows[0]?.['n']).toBe(100)
  })

  it('an abandoned transaction is rolled back once somebody waits 5 s for it', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('a1'))
    const began = performance.now()
    await client().execute(insert('a2'))
    expect(performance.now() - began).toBeGreaterThan(4_000)
    expect([await has('a1'), await has('a2')]).toEqual([false, true])
    await expect(tx.execute('SELECT 1')).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' })
    tx.close()
  })

  it('a stale snapshot cannot write: it is busy at once, not after a wait', async () => {
    const tx = await client().transaction('deferred')
    await tx.execute('SELECT count(*) FROM notes')
    await client().execute(insert('s1'))
    await expect(tx.execute(insert('s2'))).rejects.toMatchObject({ code: 'SQLITE_BUSY' })
    await tx.rollback()
    expect(await has('s2')).toBe(false)
  })

  it('a stream leaves nothing behind: no lock, no row, no setting', async () => {
    const execute = (sql: string) => ({ type: 'execute', stmt: { sql } })
    const requests = [...['PRAGMA foreign_keys = OFF', 'BEGIN IMMEDIATE', "INSERT INTO notes VALUES ('l1')"].map(execute), { type: 'close' }]
    await fetch(`${database().url}/v2/pipeline`, { method: 'POST', body: JSON.stringify({ requests }) })
    expect(await has('l1')).toBe(false)
    expect((await client().execute('PRAGMA foreign_keys')).rows[0]?.[0]).toBe(1)
    const began = performance.now()
    await client().execute(insert('l2'))
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  it('a baton is good for one request', async () => {
    const ask = async (body: object) => fetch(`${database().url}/v2/pipeline`, { method: 'POST', body: JSON.stringify(body) })
    const first = (await (await ask({ requests: [{ type: 'execute', stmt: { sql: 'SELECT 1' } }] })).json()) as { baton: string }
    expect((await ask({ baton: first.baton, requests: [{ type: 'close' }] })).status).toBe(200)
    expect((await ask({ baton: first.baton, requests: [] })).status).toBe(400)
    expect((await ask({ baton: 'made-up', requests: [] })).status).toBe(400)
  })

  it('a stream left alone for 10 s is closed and its lock let go', async () => {
    const tx = await client().transaction('write')
    await tx.execute(insert('e1'))
    const left = performance.now() // any look at the stream would keep it alive, so only time can pass
    await eventually(() => expect(performance.now() - left).toBeGreaterThan(11_000))
    await expect(tx.execute('SELECT 1')).rejects.toMatchObject({ code: expect.stringMatching(/SERVER_ERROR|EXPIRED|CLOSED/) })
    expect(await has('e1')).toBe(false)
  })
})

describe.each(databases())('a guarded $name', (backend) => {
  it.skipIf(!backend.available)('lets in only who has the token', async () => {
    const { url, token, close } = await backend.start({ guarded: true })
    const ask = async (authToken?: string) => {
      const client = createClient({ url, ...(authToken && { authToken }) })
      try {
        return (await client.execute('SELECT 1 AS a')).rows[0]?.['a']
      } finally {
        client.close()
      }
    }
    try {
      expect(await ask(token)).toBe(1)
      await expect(ask('wrong')).rejects.toMatchObject({ code: 'SERVER_ERROR', message: expect.stringContaining('401') })
      await expect(ask()).rejects.toMatchObject({ code: 'SERVER_ERROR', message: expect.stringContaining('401') })
    } finally {
      await close()
    }
  })
})
