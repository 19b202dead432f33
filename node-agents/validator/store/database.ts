import { pathToFileURL } from 'node:url'
import { type Client, createClient, type InValue, type ResultSet } from '@libsql/client/sqlite3'
import type { LibSQLDatabase } from 'drizzle-orm/libsql'
import { drizzle } from 'drizzle-orm/libsql/sqlite3'
import { reason } from '../../core/mistake.ts'

/** Anything of Drizzle that can be written down as SQL. */
export type Statement = { toSQL(): { sql: string; params: unknown[] } }

/** What one turn may do: read by `q`, and write a list of statements of which all happen or none. */
export type Turn = { q: LibSQLDatabase; write(statements: Statement[]): Promise<ResultSet[]> }

/**
 * One connection: a second one to the same file would wait for locks, and the driver is not to be trusted with that.
 * A commit is in the write-ahead log, and that on the disk, before it resolves.
 */
export async function connect(path: string): Promise<Client> {
  const client = createClient({ url: pathToFileURL(path).href, concurrency: 1 })
  try {
    await client.execute('PRAGMA journal_mode = WAL')
    await client.execute('PRAGMA synchronous = FULL')
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

/** The open database. What belongs together, such as reading and then writing by what was read, has a turn to itself. */
export class Database {
  readonly #path: string
  readonly #client: Client
  readonly #turn: Turn
  #last: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(path: string, client: Client) {
    this.#path = path
    this.#client = client
    this.#turn = { q: drizzle({ client, casing: 'snake_case' }), write: (statements) => client.batch(statements.map(bound), 'write') }
  }

  /** Runs work after all that was asked for before. Rejects with the name of the file and the reason; then nothing was written. */
  turn<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error(`${this.#path} is closed`))
    return this.#after(() => work(this.#turn))
  }

  /** After all that was asked for. The file alone then holds everything, so that it can be copied. */
  close(): Promise<void> {
    if (this.#closed) return this.#after(async () => undefined)
    this.#closed = true
    return this.#after(async () => {
      try {
        await this.#client.execute('PRAGMA wal_checkpoint(TRUNCATE)')
      } finally {
        this.#client.close()
      }
    })
  }

  #after<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work).catch((error: unknown) => {
      throw new Error(`${this.#path}: ${root(error)}`, { cause: error })
    })
    this.#last = result.catch(() => undefined) // told to whoever asked for it; the next turn is another's
    return result
  }
}

/** Drizzle says which statement with which values failed; why is in the cause. */
function root(error: unknown): string {
  return error instanceof Error && error.message.startsWith('Failed query') && error.cause !== undefined ? reason(error.cause) : reason(error)
}

function bound(statement: Statement): { sql: string; args: InValue[] } {
  const { sql, params } = statement.toSQL()
  return { sql, args: params.map(bindable) }
}

function bindable(value: unknown): InValue {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  throw new TypeError(`cannot bind ${typeof value}`)
}

/** Rows of one statement at most: SQLite counts its parameters, and 32,766 are the most. */
const ROWS = 500

/** The list in pieces that one statement can take each. */
export function pieces<T>(rows: T[]): T[][] {
  return Array.from({ length: Math.ceil(rows.length / ROWS) }, (_, i) => rows.slice(i * ROWS, (i + 1) * ROWS))
}

/** What puts rows in the place of those with the same keys: first the keys go, then the rows come, piece by piece. */
export function replacing<T>(rows: T[], key: (row: T) => string, remove: (keys: string[]) => Statement, insert: (rows: T[]) => Statement): Statement[] {
  return pieces(rows).flatMap((piece) => [remove(piece.map(key)), insert(piece)])
}

/** Rows by a text each of them has. */
export function keyed<T>(rows: T[], key: (row: T) => string): Map<string, T> {
  return new Map(rows.map((row) => [key(row), row]))
}
