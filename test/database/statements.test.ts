import { expect, it } from 'vitest'
import { onEveryDatabase } from '../support/database.ts'

onEveryDatabase('statements', (client) => {
  it('keeps every type', async () => {
    await client().execute('CREATE TABLE kinds (id INTEGER PRIMARY KEY, i INT, r REAL, t TEXT, b BLOB, n TEXT)')
    const bytes = new Uint8Array([0, 255, 7])
    const insert = { sql: 'INSERT INTO kinds (i, r, t, b, n) VALUES (?, ?, ?, ?, ?)', args: [9007199254740991n, 1.5, 'hé"\\\u{1f680}\n', bytes, null] }
    const written = await client().execute(insert)
    expect(written).toMatchObject({ rowsAffected: 1, lastInsertRowid: 1n })
    const { rows, columns } = await client().execute('SELECT *, typeof(i) ti, typeof(r) tr, typeof(b) tb FROM kinds')
    expect(columns).toEqual(['id', 'i', 'r', 't', 'b', 'n', 'ti', 'tr', 'tb'])
    expect(rows[0]).toMatchObject({ id: 1, i: 9007199254740991, r: 1.5, t: 'hé"\\\u{1f680}\n', n: null, ti: 'integer', tr: 'real', tb: 'blob' })
    expect(new Uint8Array(rows[0]?.['b'] as ArrayBuffer)).toEqual(bytes)
  })

  it('binds a JavaScript number as REAL and a BigInt as INTEGER', async () => {
    const { rows } = await client().execute({ sql: 'SELECT typeof(?) a, typeof(?) b', args: [1, 1n] })
    expect(rows[0]).toMatchObject({ a: 'real', b: 'integer' })
  })

  it('never rounds an integer above 2^53: the client refuses to read it', async () => {
    await expect(client().execute('SELECT 9007199254740993 AS big')).rejects.toThrow(/too large/i)
    const { rows } = await client().execute('SELECT CAST(9223372036854775807 AS TEXT) AS big')
    expect(rows[0]?.['big']).toBe('9223372036854775807')
  })

  it('tells columns of one name apart', async () => {
    const { rows, columns } = await client().execute('SELECT 1 AS a, 2 AS a')
    expect(columns).toEqual(['a', 'a'])
    expect([rows[0]?.[0], rows[0]?.[1]]).toEqual([1, 2])
  })

  it('takes arguments by name, with any prefix, and by number', async () => {
    const byName = await client().execute({ sql: 'SELECT :a AS a, @b AS b, $c AS c, :a AS again', args: { a: 'x', b: 'y', c: 'z' } })
    expect(byName.rows[0]).toMatchObject({ a: 'x', b: 'y', c: 'z', again: 'x' })
    const byNumber = await client().execute({ sql: 'SELECT ?2 AS a, ?1 AS b', args: ['one', 'two'] })
    expect(byNumber.rows[0]).toMatchObject({ a: 'two', b: 'one' })
  })

  it('does not mistake text, names and comments for parameters', async () => {
    const { rows } = await client().execute({ sql: `SELECT '?' AS a, "b" AS b, ? AS c -- ? :x\n FROM (SELECT 1 AS "b") /* ? */`, args: ['only'] })
    expect(rows[0]).toMatchObject({ a: '?', b: 1, c: 'only' })
  })

  it.each([
    ['a missing argument', 'SELECT ? AS a, ? AS b', ['x'], /value for parameter 2 not found/],
    ['one too many', 'SELECT ? AS a', ['x', 'y'], /too many parameters, expected 1 found 2/],
  ])('refuses %s', async (_, sql, args, message) => {
    await expect(client().execute({ sql, args })).rejects.toMatchObject({ code: 'ARGS_INVALID', message: expect.stringMatching(message) })
  })

  it('counts rows of INSERT … RETURNING, of updates, and of a read after a write', async () => {
    await client().execute('CREATE TABLE counted (id INTEGER PRIMARY KEY, a INT)')
    const returned = await client().execute({ sql: 'INSERT INTO counted (a) VALUES (:x), (:y) RETURNING id, a', args: { x: 5n, y: 6n } })
    expect(returned.rows.map((row) => ({ ...row }))).toEqual([
      { id: 1, a: 5 },
      { id: 2, a: 6 },
    ])
    expect(returned.rowsAffected).toBe(2)
    const inOneStream = await client().batch(['UPDATE counted SET a = 7', 'SELECT * FROM counted', 'UPDATE counted SET a = 8 WHERE a = 1'], 'write')
    expect(inOneStream.map((r) => r.rowsAffected)).toEqual([2, 0, 0])
    const clause = await client().execute('WITH v AS (SELECT 9 AS a) INSERT INTO counted (a) SELECT a FROM v')
    expect(clause).toMatchObject({ rowsAffected: 1, lastInsertRowid: 3n })
    expect((await client().execute('DELETE FROM counted')).lastInsertRowid).toBeUndefined()
  })

  it('names the broken constraint in the message', async () => {
    await client().execute('CREATE TABLE strict_t (a TEXT UNIQUE, b INT NOT NULL, c INT CHECK (c > 0)) STRICT')
    await client().execute("INSERT INTO strict_t VALUES ('x', 1, 1)")
    const insert = (values: string) => client().execute(`INSERT INTO strict_t VALUES (${values})`)
    const constraint = (message: string) => ({ code: 'SQLITE_CONSTRAINT', message: expect.stringContaining(message) })
    await expect(insert("'x', 1, 1")).rejects.toMatchObject(constraint('UNIQUE constraint failed: strict_t.a'))
    await expect(insert("'y', NULL, 1")).rejects.toMatchObject(constraint('NOT NULL constraint failed: strict_t.b'))
    await expect(insert("'y', 1, 0")).rejects.toMatchObject(constraint('CHECK constraint failed'))
    await expect(insert("'y', 'text', 1")).rejects.toMatchObject(constraint('cannot store TEXT value in INT column strict_t.b'))
  })

  it('keeps foreign keys, and names unknown things', async () => {
    const orphan = "INSERT INTO outbox (event_id, webhook_id, due_at) VALUES (1, 'none', 0)"
    await expect(client().execute(orphan)).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT', message: expect.stringContaining('FOREIGN KEY') })
    await expect(client().execute('SELECT * FROM nowhere')).rejects.toMatchObject({
      code: 'SQLITE_UNKNOWN',
      message: expect.stringContaining('no such table: nowhere'),
    })
    await expect(client().execute('SELECT nope FROM outbox')).rejects.toMatchObject({ message: expect.stringContaining('no such column: nope') })
  })

  it.each([
    ['a temporary table', 'CREATE TEMP TABLE x (a)'],
    ['a setting of the engine', 'PRAGMA journal_mode = DELETE'],
    ['a setting by call', 'PRAGMA synchronous(0)'],
    ['VACUUM', 'VACUUM'],
    ['ANALYZE', 'ANALYZE'],
    ['another file', "ATTACH 'other.db' AS other"],
    ['two statements', 'SELECT 1; SELECT 2'],
    ['no statement', ' -- nothing\n'],
    ['a syntax error', 'SELEC 1'],
    ['a function younger than libSQL', "SELECT json_pretty('{}')"],
  ])('refuses %s', async (_, sql) => {
    await expect(client().execute(sql)).rejects.toMatchObject({ name: 'LibsqlError' })
  })

  it('reads pragmas and takes one statement with a semicolon and a comment behind it', async () => {
    expect((await client().execute('PRAGMA foreign_keys')).rows[0]?.[0]).toBe(1)
    expect((await client().execute('SELECT 1 AS a; -- done')).rows[0]?.['a']).toBe(1)
  })
})
