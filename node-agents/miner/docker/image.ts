import { open, readlink, rename, rm, stat, symlink } from 'node:fs/promises'
import type { Tool } from './tool.ts'

const GB = 1024 ** 3
const MB = 1024 ** 2

/** Where the superblock of ext4 counts its mounts. */
const MOUNTS_AT = 1024 + 0x34

/** Nothing is written ahead: the file starts with a few MB, however large the disk is. */
const ext4 = (image: string, root: string) => ['-q', '-F', '-m0', '-Jsize=64', `-Elazy_itable_init=1,lazy_journal_init=1,root_owner=${root}`, image]

/**
 * Makes a disk: a sparse file with an empty file system in it.
 * @param root "uid:gid" who owns its top directory
 */
export async function format(tool: Tool, image: string, gb: number, root: string): Promise<void> {
  const file = await open(image, 'wx', 0o600)
  try {
    await file.truncate(gb * GB)
    await tool('mkfs.ext4', ext4(image, root))
    await tool('debugfs', ['-w', '-R', 'rmdir lost+found', image])
    await file.sync() // else the first mount waits for it, and a start with that
  } finally {
    await file.close()
  }
}

/** Loop devices that stand for a file. */
const devicesOf = async (tool: Tool, image: string) =>
  (await tool('losetup', ['-j', image, '-n', '-O', 'NAME'])).split('\n').flatMap((line) => line.trim() || [])

/** Makes `link` lead to a loop device that stands for the file: the one it has, or after a boot of the host another one. */
export async function attach(tool: Tool, image: string, link: string): Promise<void> {
  const device = (await tool('losetup', ['--nooverlap', '-f', '--show', image])).trim()
  if ((await readlink(link).catch(() => null)) === device) return
  const fresh = `${link}.new`
  await rm(fresh, { force: true })
  await symlink(device, fresh)
  await rename(fresh, link)
}

/** Removes a link that leads to somebody else's device: after a boot of the host the numbers are given out anew. */
export async function detachStale(tool: Tool, image: string, link: string): Promise<void> {
  const device = await readlink(link).catch(() => null)
  if (device !== null && !(await devicesOf(tool, image)).includes(device)) await rm(link, { force: true })
}

/** Takes all of it away. A device that is still mounted goes with its last mount. */
export async function destroy(tool: Tool, image: string, link: string): Promise<void> {
  for (const device of await devicesOf(tool, image)) await tool('losetup', ['-d', device])
  for (const path of [`${link}.new`, link, image]) await rm(path, { force: true })
}

/** Whether the file is there and the link leads to a device. */
export const isWhole = (image: string, link: string) =>
  Promise.all([image, link].map((path) => stat(path))).then(
    () => true,
    () => false, // whatever is wrong with it: another one is made
  )

/** Megabytes of the host's disk it takes. */
export const taken = async (image: string) => Math.ceil(((await stat(image)).blocks * 512) / MB)

/** Whether it was ever mounted. */
export async function wasMounted(image: string): Promise<boolean> {
  const file = await open(image)
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, MOUNTS_AT)
    return buffer.readUInt16LE() > 0
  } finally {
    await file.close()
  }
}
