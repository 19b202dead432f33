import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import type { Access } from '../access.ts'
import { PROFILE, SSHD, sshdConfig } from './sshd.ts'

/**
 * What goes into a container between create and start, as a tar for /: no shell, no Dockerfile, no mount.
 * All of it belongs to root; sshd refuses looser modes.
 * @throws DriverError unsupported
 */
export async function sshArchive(access: Access, hostPrivateKey: string, imageEnv: string[]): Promise<Buffer> {
  const tar = pack()
  const file = (path: string, mode: number, text: string) => tar.entry({ name: path.slice(1), mode, uid: 0, gid: 0 }, text)
  tar.entry({ name: 'run/sshd', type: 'directory', mode: 0o755, uid: 0, gid: 0 })
  file(SSHD.config, 0o600, sshdConfig(imageEnv, access.env))
  file(SSHD.hostKey, 0o600, hostPrivateKey)
  file(SSHD.keys, 0o644, access.keys)
  file(PROFILE.path, 0o644, PROFILE.text)
  tar.finalize()
  return buffer(tar)
}
