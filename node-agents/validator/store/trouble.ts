import { join } from 'node:path'
import { errno, Mistake, reason } from '../../core/mistake.ts'
import { listOfBackups } from './backup.ts'

/** By what the code begins with; the first that fits. */
const FIXES: [prefix: RegExp, (dir: string) => string | Promise<string>][] = [
  [/^SQLITE_(CORRUPT|NOTADB)/, async (dir) => `is damaged: ${await listOfBackups(dir)}`],
  [/^(SQLITE_FULL|ENOSPC|EDQUOT)/, (dir) => `cannot be opened, the disk is full: free some room on the disk of ${dir} and start again.`],
  [
    /^(SQLITE_(READONLY|CANTOPEN|PERM|AUTH)|EACCES|EPERM|EROFS|ENOENT|EISDIR)/,
    () => 'cannot be opened for writing: give this user the directory and all files in it.',
  ],
  [/^SQLITE_(BUSY|LOCKED)/, () => 'is in use by another program: end that one and start again.'],
  [/^SQLITE_IOERR/, (dir) => `cannot be read or written: see whether the disk of ${dir} is full or failing.`],
]

/** What went wrong while opening, with the fix where there is a known one; anything else as it is. */
export async function asMistake(error: unknown, dir: string): Promise<unknown> {
  if (error instanceof Mistake) return error
  const code = errno(error) ?? ''
  const fix = FIXES.find(([prefix]) => prefix.test(code))
  return fix ? new Mistake(`${join(dir, 'validator.db')} ${await fix[1](dir)} (${reason(error)})`, error) : error
}
