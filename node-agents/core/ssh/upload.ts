import { dirname } from 'node:path/posix'
import { reason } from '../mistake.ts'
import { ShellError } from '../ports.ts'
import { words } from './fault.ts'

type Done = (error?: Error | null) => void

/** As much of the library's SFTP as an upload needs. */
export type Sftp = {
  mkdir(path: string, attributes: { mode: number }, done: Done): void
  writeFile(path: string, data: Buffer, options: { mode: number }, done: Done): void
  chmod(path: string, mode: number, done: Done): void
}

const asked = (ask: (done: Done) => void) => new Promise<void>((resolve, reject) => ask((error) => (error ? reject(error) : resolve())))

/**
 * Writes a file with mode 0600, its folder made first if it is not there.
 * @throws ShellError `failed`: the host says no; its words are in the message
 */
export async function put(sftp: Sftp, path: string, content: Uint8Array): Promise<void> {
  // SFTP has no word for "it is there already": whether the folder is good shows when the file is written.
  const folder = await asked((done) => sftp.mkdir(dirname(path), { mode: 0o700 }, done)).then(() => '', reason)
  try {
    await asked((done) => sftp.writeFile(path, Buffer.from(content), { mode: 0o600 }, done))
    // The mode above is for a file that was not there, and less what the host masks.
    await asked((done) => sftp.chmod(path, 0o600, done))
  } catch (error) {
    const also = folder === '' ? '' : `; its folder: ${words(folder)}`
    throw new ShellError('failed', `the host does not take ${path}: ${words(reason(error))}${also}`, error)
  }
}
