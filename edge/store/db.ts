import { type Client, createClient, type InValue } from '@libsql/client/web'
import type { SQL } from 'drizzle-orm'
import type { LibSQLDatabase } from 'drizzle-orm/libsql'
import { drizzle } from 'drizzle-orm/libsql/web'
import { SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import { Problem } from '../../schema/problem.ts'
import * as tables from '../../schema/tables/index.ts'

export type Db = LibSQLDatabase<typeof tables> & { $client: Client }

/** One client a request: @libsql/client's queue resolves promises across request contexts when it is shared. */
export function openDb(url: string, token: string | undefined): Db {
  return drizzle(createClient({ url, fetch: inTime, ...(token && { authToken: token }) }), { schema: tables, casing: 'snake_case' })
}

/** A server that takes a request and says nothing must not hold up a client, an alarm or the sweep. */
const ANSWER_MS = 10_000
const inTime = (request: Request) => fetch(request, { signal: AbortSignal.timeout(ANSWER_MS) })

const ATTEMPTS = 9
const BASE_MS = 15

/**
 * Runs database work again while the server is busy, throttles, or drops the line.
 * After a write a lost answer is ambiguous, so `work` must be safe to repeat: every batch here is guarded by an id or a token.
 * Throws `database_unavailable` when it stays away, and any other error as it is.
 */
export async function retrying<T>(work: () => Promise<T>, attempts = ATTEMPTS): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await work()
    } catch (e) {
      if (!isPassing(e)) throw e
      if (n >= attempts) throw new Problem('database_unavailable', undefined, {}, e)
      await new Promise((done) => setTimeout(done, BASE_MS * 2 ** n * (0.5 + Math.random())))
    }
  }
}

/** Busy, throttled, or unreachable: worth another try. Looks through the wrappers of drizzle and the client. */
function isPassing(e: unknown): boolean {
  for (let at: unknown = e, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    const code = 'code' in at ? String(at.code) : ''
    const status = 'status' in at ? Number(at.status) : 0
    if (code === 'SQLITE_BUSY' || code === 'TRANSACTION_TIMEOUT' || status === 429 || status >= 500) return true
    if (at.name === 'TimeoutError' || /network connection lost|fetch failed|socket|ECONNREFUSED|ECONNRESET|disconnected/i.test(at.message)) return true
  }
  return false
}

const dialect = new SQLiteAsyncDialect({ casing: 'snake_case' })

/**
 * Runs statements as one write transaction in one HTTP request; all of them or none.
 * @param attempts 1 for what is done again anyway
 * @returns rows of each statement, in order, column names as the statement gives them
 */
export async function write(db: Db, statements: SQL[], attempts?: number): Promise<Rows[]> {
  return batch(db, statements, 'write', attempts)
}

export type Rows = Record<string, unknown>[]

/** As `write`, with the rows by the name of what they are about; those of several statements follow each other. */
export async function named<K extends string>(db: Db, groups: Record<K, SQL | SQL[]>): Promise<Record<K, Rows>> {
  const list = Object.entries<SQL | SQL[]>(groups).flatMap(([name, given]) => [given].flat().map((statement) => ({ name, statement })))
  const results = await write(
    db,
    list.map((s) => s.statement),
  )
  const rows = Object.fromEntries(Object.keys(groups).map((name) => [name, list.flatMap((s, i) => (s.name === name ? (results[i] ?? []) : []))]))
  return rows as Record<K, Rows>
}

/** Reads that belong together, as of one moment, in one HTTP request; takes no lock. */
export async function read(db: Db, statements: SQL[]): Promise<Rows[]> {
  return batch(db, statements, 'deferred')
}

async function batch(db: Db, statements: SQL[], mode: 'write' | 'deferred', attempts?: number): Promise<Rows[]> {
  const compiled = statements.map((s) => {
    const query = dialect.sqlToQuery(s)
    return { sql: query.sql, args: query.params.map(bindable) }
  })
  const results = await retrying(() => db.$client.batch(compiled, mode), attempts)
  return results.map((r) => r.rows.map((row) => ({ ...row })))
}

/** The client binds every number as REAL; whole ones must stay whole in JSON and text. */
function bindable(value: unknown): InValue {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return value
  throw new TypeError(`cannot bind ${typeof value}`)
}
