import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { parsePublicKey } from '../../../schema/index.ts'
import { DriverError, type ContainerSpec } from '../../core/ports.ts'
import { PROFILE, SSHD, sshdConfig } from './sshd.ts'

/** One "type base64" line per key; options and comments cannot come along. @throws DriverError unsupported */
export function keysFile(keys: string[]): string {
  const lines = keys.map((key) => {
    const parsed = parsePublicKey(key)
    if (!parsed.ok) throw new DriverError('unsupported', parsed.message)
    return parsed.line
  })
  return lines.map((line) => `${line}\n`).join('')
}

/**
 * What goes into a container between create and start, as a tar for /: no shell, no Dockerfile, no mount.
 * All of it belongs to root; sshd refuses looser modes.
 */
export async function sshArchive(spec: Pick<ContainerSpec, 'env' | 'authorizedKeys' | 'hostPrivateKey'>, imageEnv: string[]): Promise<Buffer> {
  const tar = pack()
  const file = (path: string, mode: number, text: string) => tar.entry({ name: path.slice(1), mode, uid: 0, gid: 0 }, text)
  tar.entry({ name: 'run/sshd', type: 'directory', mode: 0o755, uid: 0, gid: 0 })
  file(SSHD.config, 0o600, sshdConfig(imageEnv, spec.env))
  file(SSHD.hostKey, 0o600, spec.hostPrivateKey)
  file(SSHD.keys, 0o644, keysFile(spec.authorizedKeys))
  file(PROFILE.path, 0o644, PROFILE.text)
  tar.finalize()
  return buffer(tar)
}
