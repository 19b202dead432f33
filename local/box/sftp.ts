import { lstat, mkdir, realpath, rename, rmdir, stat, unlink } from 'node:fs/promises'
import { resolve } from 'node:path'
import ssh2, { type SFTPWrapper } from 'ssh2'
import { errno, reason } from '../../node-agents/core/mistake.ts'
import { attributesOf, heldFiles, setAttributes } from './sftp-files.ts'

const { STATUS_CODE } = ssh2.utils.sftp

/** Bytes of one answer to READ: what every client must take. */
const MOST_READ = 32_768

const REFUSALS: Record<string, number> = {
  ENOENT: STATUS_CODE.NO_SUCH_FILE,
  EACCES: STATUS_CODE.PERMISSION_DENIED,
  EPERM: STATUS_CODE.PERMISSION_DENIED,
}

/** A name that is taken is refused, as SFTP of this version has it. */
async function renameFree(from: string, to: string): Promise<void> {
  const taken = await lstat(to).then(
    () => true,
    () => false,
  )
  if (taken) throw new Error(`${to} exists`)
  await rename(from, to)
}

/** Where it is, also when its last part is not there yet. */
const placed = (path: string) => realpath(path).catch(() => path)

/**
 * SFTP (version 3) on this machine's files, as the user whose process it is; relative names start at home. Links are followed, but
 * cannot be made.
 */
export function serveSftp(sftp: SFTPWrapper, home: string): void {
  const files = heldFiles()
  const at = (path: string) => resolve(home, path)
  const refuse = (id: number) => (error: unknown) => sftp.status(id, REFUSALS[errno(error) ?? ''] ?? STATUS_CODE.FAILURE, reason(error))
  const told = <T>(id: number, work: Promise<T>, tell: (value: T) => void) => void work.then(tell).catch(refuse(id))
  const done = (id: number, work: Promise<unknown>) => told(id, work, () => sftp.status(id, STATUS_CODE.OK))
  const read = async (handle: Buffer, offset: number, length: number) => {
    const { buffer, bytesRead } = await files.fileOf(handle).read(Buffer.alloc(Math.min(length, MOST_READ)), { position: offset })
    return buffer.subarray(0, bytesRead)
  }
  sftp.on('OPEN', (id, path, flags, attrs: { mode?: number }) => told(id, files.openFile(at(path), flags, attrs.mode), (handle) => sftp.handle(id, handle)))
  sftp.on('READ', (id, handle, offset, length) =>
    told(id, read(handle, offset, length), (bytes) => (bytes.length === 0 ? sftp.status(id, STATUS_CODE.EOF) : sftp.data(id, bytes))),
  )
  sftp.on('WRITE', (id, handle, offset, data) => done(id, (async () => files.fileOf(handle).write(data, 0, data.length, offset))()))
  sftp.on('FSTAT', (id, handle) => told(id, (async () => files.fileOf(handle).stat())(), (stats) => sftp.attrs(id, attributesOf(stats))))
  sftp.on('CLOSE', (id, handle) => done(id, files.close(handle)))
  sftp.on('OPENDIR', (id, path) => told(id, files.openFolder(at(path)), (handle) => sftp.handle(id, handle)))
  sftp.on('READDIR', (id, handle) => told(id, files.next(handle), (names) => (names.length === 0 ? sftp.status(id, STATUS_CODE.EOF) : sftp.name(id, names))))
  sftp.on('STAT', (id, path) => told(id, stat(at(path)), (stats) => sftp.attrs(id, attributesOf(stats))))
  sftp.on('LSTAT', (id, path) => told(id, lstat(at(path)), (stats) => sftp.attrs(id, attributesOf(stats))))
  sftp.on('SETSTAT', (id, path, attrs) => done(id, setAttributes(at(path), attrs)))
  sftp.on('FSETSTAT', (id, handle, attrs) => done(id, (async () => setAttributes(`/proc/self/fd/${files.fileOf(handle).fd}`, attrs))()))
  sftp.on('MKDIR', (id, path, attrs: { mode?: number }) => done(id, mkdir(at(path), { mode: (attrs.mode ?? 0o777) & 0o7777 })))
  sftp.on('RMDIR', (id, path) => done(id, rmdir(at(path))))
  sftp.on('REMOVE', (id, path) => done(id, unlink(at(path))))
  sftp.on('RENAME', (id, from, to) => done(id, renameFree(at(from), at(to))))
  sftp.on('REALPATH', (id, path) =>
    told(id, placed(at(path)), (filename) =>
      sftp.name(id, [{ filename, longname: filename, attrs: { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 } }]),
    ),
  )
  sftp.on('error', (error: Error) => console.error(error.message))
  // A client that has said all waits for the channel's end.
  sftp.on('end', () => sftp.end())
  for (const end of ['end', 'close']) sftp.on(end, () => void files.closeAll().catch(console.error))
}
