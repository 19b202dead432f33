import { open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '@libsql/client/sqlite3'
import { syncPath } from '../../core/files.ts'

/** So many are kept. */
const KEPT = 2
const NAME = /^validator\.db\.(\d{8}T\d{6}Z)\.before-[\w-]+$/
/** Of a process that died while it copied. */
const HALF = /^validator\.db\..+\.before-.+\.tmp$/

/**
 * Copies the whole database beside itself, named by the time and the migration that comes next, and removes older copies.
 * It is on disk when this resolves. @returns its name
 */
export async function backUp(client: Client, dir: string, migration: string, nowMs = Date.now()): Promise<string> {
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const name = `validator.db.${time}.before-${migration}`
  const fresh = join(dir, `${name}.tmp`)
  try {
    for (const half of (await readdir(dir)).filter((n) => HALF.test(n))) await rm(join(dir, half), { force: true })
    await (await open(fresh, 'wx', 0o600)).close() // an empty file is taken, and keeps its mode
    await client.execute({ sql: 'VACUUM INTO ?', args: [fresh] })
    await syncPath(fresh)
    await rename(fresh, join(dir, name))
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
  await syncPath(dir)
  for (const old of (await backups(dir)).slice(KEPT)) await rm(join(dir, old), { force: true })
  return name
}

/** Names, newest first. */
async function backups(dir: string): Promise<string[]> {
  return (await readdir(dir))
    .filter((name) => NAME.test(name))
    .toSorted()
    .toReversed()
}

/** For an operator whose database cannot be used: what to put in its place. Reads as the end of a sentence. */
export async function listOfBackups(dir: string): Promise<string> {
  const names = await backups(dir).catch(() => [])
  const begin = 'move validator.db, validator.db-wal and validator.db-shm away'
  const anew = 'and start again: a new one then begins without proofs, scores and penalties'
  if (names.length === 0) return `${begin}, ${anew}.`
  return `${begin}, copy a backup to ${join(dir, 'validator.db')} (${names.join(', ')}) and start again. Without a copy ${anew.slice('and start again: '.length)}.`
}
