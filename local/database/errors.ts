import type { SqlError } from './hrana.ts'

/** A request outside the protocol: the whole pipeline is answered with this HTTP status and the stream is lost. */
export class ProtocolError extends Error {
  readonly status: number
  constructor(message: string, status = 400) {
    super(message)
    this.name = 'ProtocolError'
    this.status = status
  }
}

/** A statement refused before SQLite saw it, with the code sqld gives. */
export class RefusedSql extends Error {
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.name = 'RefusedSql'
    this.code = code
  }
}

/** What `node:sqlite` throws: `errcode` is SQLite's extended result code. */
type SqliteError = Error & { code: 'ERR_SQLITE_ERROR'; errcode: number }

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

const BUSY = 5
const BUSY_SNAPSHOT = 517
const AUTH = 23

/** Another connection holds the lock. A stale snapshot is busy too, but no wait inside the transaction can cure it. */
export function isLocked(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 255) === BUSY && error.errcode !== BUSY_SNAPSHOT
}

/** Primary result codes that sqld names; it calls every other one unknown. */
const CODES: Record<number, string> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
}

/**
 * The error of one statement in sqld's words: clients tell one broken constraint from another by the message alone.
 * @throws the error itself when it is not about SQL
 */
export function sqlError(error: unknown): SqlError {
  if (error instanceof RefusedSql) return { message: error.message, code: error.code }
  if (!isSqliteError(error)) throw error
  if (error.errcode === AUTH) return { message: `SQL string could not be parsed: unsupported statement (${error.message})`, code: 'SQL_PARSE_ERROR' }
  if (/syntax error|incomplete input|unrecognized token/.test(error.message))
    return { message: `SQL string could not be parsed: ${error.message}`, code: 'SQL_PARSE_ERROR' }
  if (error.message.startsWith('no such column')) return { message: `SQL input error: ${error.message}`, code: 'SQL_INPUT_ERROR' }
  return { message: `SQLite error: ${error.message}`, code: CODES[error.errcode & 255] ?? 'SQLITE_UNKNOWN' }
}
