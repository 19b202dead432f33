import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@libsql/client/web'
import { afterAll, beforeAll, describe } from 'vitest'
import { migrate } from '../../local/database/migrate.ts'
import { startDatabase } from '../../local/database/server.ts'
import { sqldBinary, startSqld } from './sqld.ts'

export type Running = { url: string; token?: string; close(): Promise<void> }
export type Backend = { name: 'sqlite' | 'sqld'; available: boolean; start(o?: StartOptions): Promise<Running> }
/** `guarded`: the server asks for the token that comes back. */
type StartOptions = { guarded?: boolean }

const LOUD = '\n!! NO SQLD: suites that also run on the real server are SKIPPED there. `.ci/sqld` fetches it.\n'

/** The backends every database suite runs on: ours, and Turso's own server where it is at hand. Each start is a fresh, migrated database. */
export function databases(): [Backend, Backend] {
  const binary = sqldBinary()
  if (!binary) console.warn(LOUD)
  const startReal = (o: StartOptions) => (binary ? startSqld(binary, o) : Promise.reject(new Error('there is no sqld on this machine')))
  return [
    { name: 'sqlite', available: true, start: (o = {}) => migrated(startSqlite(o)) },
    { name: 'sqld', available: binary !== null, start: (o = {}) => migrated(startReal(o)) },
  ]
}

/** The same tests on every backend, each with a database and a client of its own. */
export function onEveryDatabase(title: string, tests: (client: () => Client, database: () => Running) => void): void {
  for (const backend of databases())
    describe.skipIf(!backend.available)(`${title} on ${backend.name}`, () => {
      let running: Running
      let client: Client
      beforeAll(async () => {
        running = await backend.start()
        client = createClient({ url: running.url })
      })
      afterAll(async () => {
        client?.close()
        await running?.close()
      })
      tests(
        () => client,
        () => running,
      )
    })
}

/** Rows of one statement, asked by a client of its own. */
export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = createClient({ url })
  try {
    return (await client.execute(sql)).rows.map((row) => ({ ...row }))
  } finally {
    client.close()
  }
}

async function startSqlite({ guarded }: StartOptions): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'compute-database-'))
  const token = randomBytes(16).toString('hex')
  const { url, close } = await startDatabase({ file: join(folder, 'test.db'), ...(guarded && { token }) })
  return {
    url,
    ...(guarded && { token }),
    async close() {
      await close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function migrated(starting: Promise<Running>): Promise<Running> {
  const running = await starting
  try {
    await migrate(running.url, running.token)
  } catch (error) {
    await running.close()
    throw error
  }
  return running
}
