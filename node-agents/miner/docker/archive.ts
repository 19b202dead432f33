import { buffer } from 'node:stream/consumers'
import { pack, type Pack } from 'tar-stream'
import type { Access } from '../access.ts'
import { PROFILE, SSHD, sshdConfig } from './sshd.ts'

const file = (tar: Pack, path: string, mode: number, text: string) => tar.entry({ name: path.slice(1), mode, uid: 0, gid: 0 }, text)

/** sshd refuses keys in a file that anybody but root may write. */
const keys = (tar: Pack, access: Pick<Access, 'keys'>) => file(tar, SSHD.keys, 0o644, access.keys)

/**
 * What goes into a container between create and start, as a tar for /: no shell, no Dockerfile, no mount.
 * All of it belongs to root; sshd refuses looser modes.
 * @throws DriverError unsupported
 */
export async function sshArchive(access: Access, hostPrivateKey: string, imageEnv: string[]): Promise<Buffer> {
  const tar = pack()
  tar.entry({ name: 'run/sshd', type: 'directory', mode: 0o755, uid: 0, gid: 0 })
  file(tar, SSHD.config, 0o600, sshdConfig(imageEnv, access.env))
  file(tar, SSHD.hostKey, 0o600, hostPrivateKey)
  keys(tar, access)
  file(tar, PROFILE.path, 0o644, PROFILE.text)
  tar.finalize()
  return buffer(tar)
}

/** What replaces the keys of a container that lives: sshd reads them at each login. */
export async function keysArchive(access: Pick<Access, 'keys'>): Promise<Buffer> {
  const tar = pack()
  keys(tar, access)
  tar.finalize()
  return buffer(tar)
}
