import { isSqliteError } from './errors.ts'

/** Why the database cannot start, and the fix, in one line. */
export function explain(error: unknown, { file, port }: { file: string; port: number }): string {
  const message = error instanceof Error ? error.message : String(error)
  return `database: ${oneLine(cause(error, message, file, port))}`
}

function cause(error: unknown, message: string, file: string, port: number): string {
  if (isSqliteError(error)) return `${file}: ${message}. ${FIXES[error.errcode & 255] ?? 'Choose another file with --file'}`
  switch (error instanceof Error && 'code' in error ? error.code : undefined) {
    case 'EADDRINUSE':
      return `port ${port} is taken. Stop what listens there, or choose another with --port (0: any free one)`
    case 'ERR_SOCKET_BAD_PORT':
      return `--port must be a number from 0 to 65535`
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return `${file}: ${message}. Choose a place that this user may write with --file`
    case 'ENOSPC':
      return `${file}: ${message}. ${FULL}`
    case 'ENOTDIR':
    case 'EEXIST':
      return `${file}: ${message}. Its folder is a file: choose another with --file`
    default:
      return message
  }
}

const FULL = 'The disk is full: free some space and start again'
const FIXES: Record<number, string> = {
  5: 'Another program holds the file: stop it and start again',
  8: 'The file is read-only: make it writable, or choose another with --file',
  10: 'The disk refuses reads or writes: check it and its free space',
  11: 'The file is damaged: restore a backup, or move it away to start empty',
  13: FULL,
  14: 'It is not a file this user may open: choose another with --file',
  26: 'It is not a SQLite file: choose another with --file',
}

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()
