import { lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { readJson, writeAtomic } from '../../node-agents/core/files.ts'
import { errno } from '../../node-agents/core/mistake.ts'
import type { ContainerIdentity, Owner } from '../../node-agents/core/ports.ts'

const shape = z.object({
  owner: z.object({ edge: z.string(), hotkey: z.string(), install: z.string() }),
  identity: z.object({
    allocation: z.string(),
    incarnation: z.number().int(),
    gpus: z.array(z.string()),
    port: z.number().int(),
    hostKey: z.string(),
    trace: z.string(),
  }),
  /** Random; stands in the environment of every process of this box and so tells them from all others. */
  token: z.string(),
  /** The SSH server; null before the first start. */
  pid: z.number().int().nullable(),
  /** Seen by every session. */
  env: z.record(z.string(), z.string()),
})

/** What is known about one box. Lives in its folder; the folder's existence is the box's. */
export type BoxRecord = z.infer<typeof shape>

type Ref = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/** Names inside a box's folder. `home` is the tenant's, the rest is ours. */
export const INSIDE = { record: 'box.json', hostKey: 'host_key', keys: 'authorized_keys', ended: 'sessions_ended', log: 'log', home: 'home' } as const

/** Folder of a box. @throws when the id could lead out of the root */
export function folderOf(root: string, c: Ref): string {
  if (!/^\w+$/.test(c.allocation)) throw new Error(`${JSON.stringify(c.allocation)} cannot name a folder`)
  return join(root, `${c.allocation}-${c.incarnation}`)
}

export const readRecord = (folder: string) => readJson(join(folder, INSIDE.record), shape, 'Remove its folder.')

export const writeRecord = (folder: string, record: BoxRecord) => writeAtomic(join(folder, INSIDE.record), JSON.stringify(record))

export const sameOwner = (a: Owner, b: Owner) => a.edge === b.edge && a.hotkey === b.hotkey && a.install === b.install

const aside = (folder: string, word: string) => join(folder, '..', `.${word}-${folder.split('/').at(-1) ?? ''}`)

/** Makes a box's folder, whole or not at all. */
export async function makeFolder(folder: string, record: BoxRecord, files: { hostKey: string; keys: string }): Promise<void> {
  const fresh = aside(folder, 'new')
  await rm(fresh, { recursive: true, force: true })
  await mkdir(join(fresh, INSIDE.home), { recursive: true, mode: 0o700 })
  await writeFile(join(fresh, INSIDE.hostKey), files.hostKey, { mode: 0o600 })
  await writeFile(join(fresh, INSIDE.keys), files.keys, { mode: 0o600 })
  await writeRecord(fresh, record)
  await rename(fresh, folder)
}

/** Replaces the keys that may log in, in one step. */
export const writeKeys = (folder: string, keys: string) => writeAtomic(join(folder, INSIDE.keys), keys)

/** Bytes on disk under a folder. What goes away meanwhile does not count. */
export async function bytesUnder(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = await Promise.all(
    entries.map((e) =>
      lstat(join(e.parentPath, e.name)).then(
        (s) => s.blocks * 512,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

/** Removes a box's folder, in one step for everyone who looks. Already gone is done. */
export async function removeFolder(folder: string): Promise<void> {
  const gone = aside(folder, 'gone')
  await rm(gone, { recursive: true, force: true })
  await rename(folder, gone).catch((error: unknown) => {
    if (errno(error) !== 'ENOENT') throw error
  })
  await rm(gone, { recursive: true, force: true })
}

/** Folders of all boxes under a root. */
export async function folders(root: string): Promise<string[]> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  const entries = await readdir(root, { withFileTypes: true })
  return entries.filter((e) => e.isDirectory() && !e.name.startsWith('.')).map((e) => join(root, e.name))
}
