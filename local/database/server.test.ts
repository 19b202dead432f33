import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { createClient } from '@libsql/client/web'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { type Database, type DatabaseOptions, startDatabase } from './server.ts'

const folder = mkdtempSync(join(tmpdir(), 'compute-server-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
const freshFile = () => join(folder, `${(files += 1)}.db`)
const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function started(options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const database = await startDatabase({ file: freshFile(), ...options })
  cleanups.push(database.close)
  return database
}

const count = async (url: string) => Number((await createClient({ url }).execute('SELECT count(*) AS n FROM t')).rows[0]?.['n'])
const ask = (url: string, body: unknown) => fetch(`${url}/v2/pipeline`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

describe('the HTTP side', () => {
  it('refuses what is not Hrana 2 with 400, and goes on', async () => {
    const { url } = await started()
    for (const body of ['not json', {}, { requests: [{ type: 'describe', sql: 'SELECT 1' }] }, { requests: [{ type: 'execute', stmt: { sql_id: 7 } }] }])
      expect((await ask(url, body)).status).toBe(400)
    expect((await fetch(`${url}/v3/pipeline`, { method: 'POST' })).status).toBe(404)
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await createClient({ url }).execute('SELECT 1 AS a')).rows[0]?.['a']).toBe(1)
  })

  it('fails on purpose: before the write, after it, and never again', async () => {
    const faults = [undefined, { status: 429 }, { status: 502, after: true }]
    const { url, stats } = await started({ fault: (n) => faults[n - 1] })
    const client = createClient({ url })
    await client.execute('CREATE TABLE t (a INT)')
    const insert = () => client.execute('INSERT INTO t VALUES (1)')
    await expect(insert()).rejects.toMatchObject({ code: 'SERVER_ERROR', message: expect.stringContaining('429') })
    await expect(insert()).rejects.toMatchObject({ message: expect.stringContaining('502') })
    expect(await count(url)).toBe(1)
    expect(stats.requests).toBe(4)
  })
})

describe('locks', () => {
  it('serve waiting writers in the order they came, also when another process held the lock', async () => {
    const file = freshFile()
    const { url, stats } = await started({ file })
    const client = createClient({ url, concurrency: 100 })
    await client.execute('CREATE TABLE t (a INT)')
    const outsider = new DatabaseSync(file)
    outsider.exec('BEGIN IMMEDIATE')
    const order: number[] = []
    const writers: Promise<unknown>[] = []
    for (let i = 0; i < 20; i++) {
      writers.push(client.execute({ sql: 'INSERT INTO t VALUES (?)', args: [i] }).then(() => order.push(i)))
      await expect.poll(() => stats.waits, { interval: 2 }).toBe(i + 1)
    }
    expect(order).toEqual([])
    outsider.exec('COMMIT')
    outsider.close()
    await Promise.all(writers)
    const { rows } = await client.execute('SELECT a FROM t ORDER BY rowid')
    expect(rows.map((row) => row['a'])).toEqual(Array.from({ length: 20 }, (_, i) => i))
    expect(stats.timeouts).toBe(0)
  })

  it('hold between two servers on one file', async () => {
    const file = freshFile()
    const [one, two] = [await started({ file }), await started({ file })]
    await createClient({ url: one.url }).execute('CREATE TABLE t (a INT)')
    const insert = (url: string) => createClient({ url }).batch(['INSERT INTO t SELECT count(*) FROM t', 'UPDATE t SET a = a'], 'write')
    await Promise.all(Array.from({ length: 40 }, (_, i) => insert(i % 2 ? one.url : two.url)))
    const { rows } = await createClient({ url: two.url }).execute('SELECT count(DISTINCT a) AS n FROM t')
    expect(rows[0]?.['n']).toBe(40)
  })

  it('are let go when the server closes, and waiters are told', async () => {
    const file = freshFile()
    const { url, close, stats } = await startDatabase({ file })
    const client = createClient({ url })
    await client.execute('CREATE TABLE t (a INT)')
    const tx = await client.transaction('write')
    await tx.execute('INSERT INTO t VALUES (1)')
    const waiting = client.execute('INSERT INTO t VALUES (2)').catch((error: unknown) => error)
    await expect.poll(() => stats.waits).toBe(1)
    await close()
    expect(await waiting).toMatchObject({ code: 'SQLITE_BUSY', message: expect.stringContaining('shutting down') })
    expect(() => statSync(`${file}-wal`)).toThrow('ENOENT')
    expect(await count((await started({ file })).url)).toBe(0)
  })
})

describe('as a process', () => {
  const node = process.execPath
  const entry = join(import.meta.dirname, 'main.ts')
  const run = (...args: string[]) => {
    const child = spawn(node, [entry, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    cleanups.push(async () => child.exitCode === null && child.signalCode === null && child.kill('SIGKILL') && (await once(child, 'exit')))
    return child
  }
  const urlOf = async (child: ReturnType<typeof run>) => {
    const [line] = await once(createInterface(child.stdout), 'line')
    return (JSON.parse(String(line)) as { url: string }).url
  }

  it('loses nothing it acknowledged when it is killed', async () => {
    const file = freshFile()
    const child = run('--file', file)
    const url = await urlOf(child)
    const client = createClient({ url })
    await client.execute('CREATE TABLE t (a INT)')
    let acknowledged = 0
    const writing = (async () => {
      for (;;) {
        await client.execute('INSERT INTO t VALUES (1)')
        acknowledged += 1
      }
    })().catch(() => {})
    await expect.poll(() => acknowledged).toBeGreaterThan(50)
    child.kill('SIGKILL')
    await Promise.all([once(child, 'exit'), writing])
    const kept = await count((await started({ file })).url)
    expect([acknowledged, acknowledged + 1]).toContain(kept)
  })

  it('stops cleanly on SIGTERM', async () => {
    const file = freshFile()
    const child = run('--file', file)
    await urlOf(child)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(() => statSync(`${file}-wal`)).toThrow('ENOENT')
  })

  it.each([
    ['a file that is no database', () => [write('plain', 'x'.repeat(5000))], /plain: .*not a database\. .*choose another with --file$/],
    ['a folder for a file', () => [folder], /unable to open.*choose another with --file$/],
    ['a file for a folder', () => [join(write('plain', ''), 'x.db')], /Its folder is a file.*--file$/],
    ['no file at all', () => [], /say where the data lives: --file PATH$/],
    ['no such port', () => [freshFile(), '99999'], /--port must be a number from 0 to 65535$/],
  ])('says in one line what is wrong with %s', async (_, given, line) => {
    const [file, port] = given()
    expect(await failure(file, port)).toMatch(line)
  })

  it('says that the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    cleanups.push(async () => taken.close())
    const { port } = taken.address() as { port: number }
    expect(await failure(freshFile(), String(port))).toMatch(new RegExp(`port ${port} is taken.*--port`))
  })

  async function failure(file?: string, port?: string): Promise<string> {
    const child = run(...(file ? ['--file', file] : []), ...(port ? ['--port', port] : []))
    let said = ''
    child.stderr.on('data', (chunk) => (said += String(chunk)))
    expect(await once(child, 'close')).toEqual([1, null])
    expect(said.trimEnd().split('\n')).toHaveLength(1)
    return said.trimEnd()
  }

  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
})
