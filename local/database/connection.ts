import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite'
import { RefusedSql } from './errors.ts'
import type { Statement, StatementResult } from './hrana.ts'
import { authorize } from './refusals.ts'
import { isBlank, type Scan, scan } from './scan.ts'
import { bind, encode } from './values.ts'

/** Compiled statements kept a connection: the edge sends the same few dozen texts again and again. */
const CACHED = 256
/** How long opening may wait for a process that is recovering the same file. */
const OPEN_MS = 2_000

type Prepared = Scan & { statement: StatementSync; rest: string }

/** One SQLite connection. Never waits for a lock: the wait would block the one thread that has to run the holder's COMMIT. */
export class Connection {
  readonly #db: DatabaseSync
  readonly #cache = new Map<string, Prepared>()
  readonly #counters: StatementSync

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true })
    this.#db = new DatabaseSync(file, { timeout: OPEN_MS, readBigInts: true, returnArrays: true })
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 0')
      this.#db.setAuthorizer(authorize)
      this.#counters = this.#db.prepare('SELECT total_changes(), changes(), last_insert_rowid()')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction
  }

  /** Runs one statement. Throws what SQLite throws, `RefusedSql` for what sqld would not take. */
  run(sql: string, statement: Pick<Statement, 'args' | 'named_args'>): StatementResult {
    const prepared = this.#prepare(sql)
    if (!isBlank(prepared.rest)) throw new RefusedSql('SQL string contains more than one statement', 'SQL_MANY_STATEMENTS')
    return this.#execute(prepared, statement)
  }

  /** Runs the first statement of a script and gives back the rest, or null when nothing is left. */
  runFirst(script: string): string | null {
    if (isBlank(script)) return null
    const prepared = this.#prepare(script)
    this.#execute(prepared, { args: [], named_args: [] })
    return prepared.rest
  }

  rollback(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
  }

  /** Undoes what a stream may have left behind, so that the next one starts as on a new connection. */
  reset(): void {
    this.rollback()
    this.#db.exec('PRAGMA foreign_keys = ON; PRAGMA defer_foreign_keys = OFF')
  }

  /** Writes one page, so that a full or read-only disk is found now and not by the first client. */
  probe(): void {
    const [version] = Object.values(this.#db.prepare('PRAGMA user_version').get() ?? {})
    this.#db.exec(`PRAGMA user_version = ${Number(version)}`)
  }

  close(): void {
    this.#db.close()
  }

  #prepare(sql: string): Prepared {
    const known = this.#cache.get(sql)
    if (known) {
      this.#cache.delete(sql) // set again below: a Map in insertion order is the LRU list
      this.#cache.set(sql, known)
      return known
    }
    if (isBlank(sql)) throw new RefusedSql('SQL string does not contain any statement', 'SQL_NO_STATEMENT')
    const statement = this.#db.prepare(sql)
    const text = statement.sourceSQL // SQLite keeps the text up to where the first statement ends
    const prepared = { ...scan(text), statement, rest: sql.slice(text.length) }
    this.#cache.set(sql, prepared)
    const [oldest] = this.#cache.keys()
    if (this.#cache.size > CACHED && oldest !== undefined) this.#cache.delete(oldest)
    return prepared
  }

  #execute({ statement, parameters, inserts }: Prepared, given: Pick<Statement, 'args' | 'named_args'>): StatementResult {
    const { named, positional } = bind(parameters, given)
    const [before] = this.#count()
    const rows = statement.all(named, ...positional).map((row) => Object.values(row).map(encode))
    const [after, changes, rowid] = this.#count()
    return {
      cols: statement.columns().map((c) => ({ name: c.name, decltype: c.type })),
      rows,
      affected_row_count: before === after ? 0 : Number(changes), // `changes()` alone may still tell of an earlier statement
      last_insert_rowid: inserts ? String(rowid) : null,
      replication_index: null,
    }
  }

  #count(): SQLOutputValue[] {
    return Object.values(this.#counters.get() ?? {})
  }
}
