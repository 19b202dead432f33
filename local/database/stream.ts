import type { Connection } from './connection.ts'
import { ProtocolError, RefusedSql, sqlError } from './errors.ts'
import type { Batch, BatchResult, Condition, Request, Response, Result, SqlText, Statement, StatementResult } from './hrana.ts'
import type { WriteQueue } from './queue.ts'

/** A transaction older than this is rolled back as soon as somebody waits for its lock. */
const TRANSACTION_MS = 5_000

/** One client's session: a connection, its stored SQL texts, and perhaps an open transaction. */
export class Stream {
  readonly connection: Connection
  readonly #queue: WriteQueue
  readonly #texts = new Map<number, string>()
  #began: number | null = null
  #timedOut = false
  #busy = false
  closed = false

  constructor(connection: Connection, queue: WriteQueue) {
    this.connection = connection
    this.#queue = queue
  }

  /** Runs the requests of one pipeline in order; a failed one does not keep the next from running. */
  async pipeline(requests: Request[]): Promise<Result[]> {
    const results: Result[] = []
    this.#busy = true
    try {
      for (const request of requests) results.push(await this.#answer(request))
    } finally {
      this.#busy = false
    }
    return results
  }

  /** Ends the transaction when it is idle and has held others up for too long. Says whether it did. */
  evict(now: number): boolean {
    if (this.#busy || this.#began === null || now - this.#began < TRANSACTION_MS) return false
    this.connection.rollback()
    this.#began = null
    this.#timedOut = true
    return true
  }

  async #answer(request: Request): Promise<Result> {
    try {
      return { type: 'ok', response: await this.#handle(request) }
    } catch (error) {
      return { type: 'error', error: sqlError(error) }
    }
  }

  async #handle(request: Request): Promise<Response> {
    switch (request.type) {
      case 'execute':
        return { type: 'execute', result: await this.#execute(request.stmt) }
      case 'batch':
        return { type: 'batch', result: await this.#batch(request.batch) }
      case 'sequence':
        for (let script: string | null = this.#text(request); script !== null;) script = await this.#runFirst(script)
        return { type: 'sequence' }
      case 'store_sql':
        this.#texts.set(request.sql_id, request.sql)
        return { type: 'store_sql' }
      case 'close_sql':
        this.#texts.delete(request.sql_id)
        return { type: 'close_sql' }
      case 'close':
        this.closed = true
        return { type: 'close' }
    }
  }

  #execute(statement: Statement): Promise<StatementResult> {
    const sql = this.#text(statement)
    return this.#locked(() => this.connection.run(sql, statement))
  }

  #runFirst(script: string): Promise<string | null> {
    return this.#locked(() => this.connection.runFirst(script))
  }

  async #batch({ steps }: Batch): Promise<BatchResult> {
    const done: BatchResult = { step_results: steps.map(() => null), step_errors: steps.map(() => null) }
    for (const [i, step] of steps.entries()) {
      if (step.condition && !holds(step.condition, done)) continue
      try {
        done.step_results[i] = await this.#execute(step.stmt)
      } catch (error) {
        done.step_errors[i] = sqlError(error)
      }
    }
    return done
  }

  async #locked<T>(run: () => T): Promise<T> {
    const result = await this.#queue.run(() => {
      if (this.#timedOut) throw new RefusedSql('Transaction timed out', 'TRANSACTION_TIMEOUT')
      return run()
    })
    if (this.connection.inTransaction) this.#began ??= Date.now()
    else {
      this.#began = null
      this.#queue.released()
    }
    return result
  }

  #text({ sql, sql_id }: SqlText): string {
    const text = sql ?? (typeof sql_id === 'number' ? this.#texts.get(sql_id) : undefined)
    if (text === undefined) throw new ProtocolError(`SQL text ${sql_id} not found`)
    return text
  }
}

function holds(condition: Condition, done: BatchResult): boolean {
  switch (condition.type) {
    case 'ok':
      return Boolean(done.step_results[condition.step])
    case 'error':
      return Boolean(done.step_errors[condition.step])
    case 'not':
      return !holds(condition.cond, done)
    case 'and':
      return condition.conds.every((c) => holds(c, done))
    case 'or':
      return condition.conds.some((c) => holds(c, done))
  }
}
