import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type * as z from 'zod'
import { errno, Mistake, reason } from './mistake.ts'

async function syncAndClose(path: string, flags: string, text: string | null, mode?: number): Promise<void> {
  const file = await open(path, flags, mode)
  try {
    if (text !== null) await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Replaces a file so that after a crash it holds the old text or the new, never a part. Mode 0600. */
export async function writeAtomic(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}.tmp`
  try {
    await syncAndClose(fresh, 'wx', text, 0o600)
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true })
    throw error
  }
  await syncPath(dirname(path)) // the rename itself is only safe once the directory is
}

/** Resolves once a file is on the disk; of a folder: the names in it. */
export function syncPath(path: string): Promise<void> {
  return syncAndClose(path, 'r', null)
}

const HALF = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/

/** Removes what `writeAtomic` of a process that died left in a directory. The caller is the only one who writes there. */
export async function removeHalfWritten(dir: string): Promise<void> {
  for (const name of await readdir(dir)) if (HALF.test(name)) await rm(join(dir, name), { force: true })
}

/** The text of a file, or null when there is none. Any other failure is thrown. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errno(error) === 'ENOENT') return null
    throw new Mistake(`${path} cannot be read: ${reason(error)}`, error)
  }
}

/**
 * A JSON file of a known shape, or null when there is none.
 * @param fix what the operator should do when it is damaged
 */
export async function readJson<T extends z.ZodType>(path: string, shape: T, fix: string): Promise<z.output<T> | null> {
  const text = await readIfThere(path)
  if (text === null) return null
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    throw new Mistake(`${path} is damaged. ${fix}`, error)
  }
}

/** Makes the state directory of an agent, for its owner only, unless it is there. */
export async function makeStateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
}
