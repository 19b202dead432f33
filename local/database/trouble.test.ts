import { expect, it } from 'vitest'
import { explain } from './trouble.ts'

const sqlite = (errcode: number, message: string) => Object.assign(new Error(message), { errcode })
const system = (code: string) => Object.assign(new Error(`${code}: it failed`), { code })

it.each([
  [sqlite(13, 'database or disk is full'), 'database: /d/x.db: database or disk is full. The disk is full: free some space and start again'],
  [sqlite(5, 'database is locked'), 'database: /d/x.db: database is locked. Another program holds the file: stop it and start again'],
  [sqlite(1544, 'readonly directory'), 'database: /d/x.db: readonly directory. The file is read-only: make it writable, or choose another with --file'],
  [sqlite(11, 'malformed'), 'database: /d/x.db: malformed. The file is damaged: restore a backup, or move it away to start empty'],
  [system('ENOSPC'), 'database: /d/x.db: ENOSPC: it failed. The disk is full: free some space and start again'],
  [system('EACCES'), 'database: /d/x.db: EACCES: it failed. Choose a place that this user may write with --file'],
  [new Error('two\nlines'), 'database: two lines'],
])('explains %s', (error, line) => {
  expect(explain(error, { file: '/d/x.db', port: 1 })).toBe(line)
})
