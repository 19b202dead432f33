import { open, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { errno, Mistake } from './mistake.ts'

/** SQLite's result code when somebody else holds the lock. */
const BUSY = 5

/** What is garbage-collected is unlocked, so locks are kept here. */
const held = new Set<DatabaseSync>()

/** Makes the file, for its owner only. An existing one is not opened: closing it would end a lock of this process. */
async function make(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if (errno(error) !== 'EEXIST') throw error
  }
}

/**
 * SQLite is the only way from Node to the kernel's file locks. They end with the process and hold across containers, so
 * that no lock is ever stale and no pid has to be judged. @returns null when it is held already
 */
function take(path: string): DatabaseSync | null {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE') // no journal file: nothing is ever written
    return database
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === BUSY) return null
    throw error
  }
}

/** Who holds the lock, for the operator's eyes. It may be just starting or ending. */
async function holder(path: string): Promise<string> {
  const pid = await readFile(path, 'utf8').catch(() => '')
  return /^\d+$/.test(pid) ? ` (process ${pid})` : ''
}

/**
 * Locks a file for this process, and makes it first. It is a file for the lock alone.
 * @returns a function that gives the lock back; a process that dies gives it back too. Null when another one holds it
 */
export async function lockFile(path: string): Promise<(() => void) | null> {
  await make(path)
  const lock = take(path)
  if (!lock) return null
  held.add(lock)
  return () => {
    held.delete(lock)
    lock.close()
  }
}

/**
 * One agent per state directory: two would send two truths and fight over containers.
 * @returns a function that gives the lock back; a process that dies gives it back too
 * @throws Mistake when another one holds it
 */
export async function lockState(dir: string): Promise<() => Promise<void>> {
  const folder = await realpath(dir)
  const pidPath = join(folder, 'lock.pid')
  const unlock = await lockFile(join(folder, 'lock'))
  if (!unlock) throw new Mistake(`another agent already uses ${dir}${await holder(pidPath)}: stop it first, or give this one its own --state directory`)
  await writeFile(pidPath, String(process.pid), { mode: 0o600 }).catch(() => undefined) // a full disk: it is for eyes only
  return async () => {
    await rm(pidPath, { force: true })
    unlock()
  }
}
