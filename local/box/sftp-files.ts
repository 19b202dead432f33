import { constants, type Stats } from 'node:fs'
import { chmod, type FileHandle, lstat, open, readdir, truncate, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Attributes, FileEntry } from 'ssh2'

/** What a client holds open; of a folder: the names it has not been told yet. */
type Held = { file: FileHandle } | { folder: string; names: string[] }

/** As a process may have files open, so many may one client. */
const MOST_HELD = 256
/** Names of a folder in one answer, which must fit a packet. */
const NAMES = 64

/** What SFTP says of a file. */
export const attributesOf = ({ mode, uid, gid, size, atimeMs, mtimeMs }: Stats): Attributes => ({
  mode,
  uid,
  gid,
  size,
  atime: Math.floor(atimeMs / 1000),
  mtime: Math.floor(mtimeMs / 1000),
})

const FLAGS: [wire: number, ours: number][] = [
  [0x04, constants.O_APPEND],
  [0x08, constants.O_CREAT],
  [0x10, constants.O_TRUNC],
  [0x20, constants.O_EXCL],
]

/** Flags of SFTP's OPEN as the system has them. */
function flagsOf(wire: number): number {
  const access = (wire & 2) === 0 ? constants.O_RDONLY : (wire & 1) === 0 ? constants.O_WRONLY : constants.O_RDWR
  return FLAGS.reduce((flags, [theirs, ours]) => ((wire & theirs) === 0 ? flags : flags | ours), access)
}

/** Sets what a client named of these, and leaves the rest. */
export async function setAttributes(path: string, { mode, size, atime, mtime }: Partial<Attributes>): Promise<void> {
  if (size !== undefined) await truncate(path, size)
  if (mode !== undefined) await chmod(path, mode & 0o7777)
  if (atime !== undefined && mtime !== undefined) await utimes(path, atime, mtime)
}

/** A line as ls -l has it; what a client shows is up to it. */
function entryOf(filename: string, stats: Stats): FileEntry {
  const kind = stats.isDirectory() ? 'd' : stats.isSymbolicLink() ? 'l' : '-'
  const mode = (stats.mode & 0o777).toString(8).padStart(3, '0')
  const longname = `${kind} ${mode} ${stats.uid} ${stats.gid} ${stats.size} ${stats.mtime.toISOString().slice(0, 16)} ${filename}`
  return { filename, longname, attrs: attributesOf(stats) }
}

/** What these names are; one that is gone by now is left out. */
async function entriesOf(folder: string, names: string[]): Promise<FileEntry[]> {
  const found = await Promise.allSettled(names.map(async (name) => entryOf(name, await lstat(join(folder, name)))))
  return found.flatMap((entry) => (entry.status === 'fulfilled' ? [entry.value] : []))
}

/** The handles of one client. Everything asked of one that it does not have is refused. */
export function heldFiles() {
  const held = new Map<string, Held>()
  let last = 0
  let over = false
  const add = async (it: Held): Promise<Buffer> => {
    if (over) {
      if ('file' in it) await it.file.close()
      throw new Error('the client is gone')
    }
    const handle = Buffer.alloc(4)
    handle.writeUInt32BE(++last)
    held.set(handle.toString('hex'), it)
    return handle
  }
  const find = (handle: Buffer): Held => {
    const it = held.get(handle.toString('hex'))
    if (!it) throw new Error('there is no such handle')
    return it
  }
  const room = () => {
    if (held.size >= MOST_HELD) throw new Error('too many open files')
  }
  const fileOf = (handle: Buffer): FileHandle => {
    const it = find(handle)
    if (!('file' in it)) throw new Error('it is a folder')
    return it.file
  }
  return {
    fileOf,
    openFile: async (path: string, wire: number, mode: number | undefined) => {
      room()
      return add({ file: await open(path, flagsOf(wire), mode === undefined ? 0o666 : mode & 0o7777) })
    },
    openFolder: async (folder: string) => {
      room()
      return add({ folder, names: ['.', '..', ...(await readdir(folder))] })
    },
    /** The next names; none: that was all. */
    next: async (handle: Buffer): Promise<FileEntry[]> => {
      const it = find(handle)
      if (!('names' in it)) throw new Error('it is not a folder')
      for (;;) {
        const names = it.names.splice(0, NAMES)
        const entries = await entriesOf(it.folder, names)
        if (entries.length > 0 || names.length === 0) return entries
      }
    },
    close: async (handle: Buffer) => {
      const it = find(handle)
      held.delete(handle.toString('hex'))
      if ('file' in it) await it.file.close()
    },
    closeAll: async () => {
      over = true
      const files = [...held.values()]
      held.clear()
      for (const it of files) if ('file' in it) await it.file.close()
    },
  }
}
