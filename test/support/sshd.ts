import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { SshDoor } from '../../node-agents/core/ports.ts'
import { freePorts, keyPair } from './ssh.ts'

const SSHD = '/usr/sbin/sshd'
const LOUD = '\n!! NO SSHD on this machine: what is tested against OpenSSH itself is SKIPPED. On Debian: apt-get install openssh-server\n'
/** Where its packages have it keep the child that faces the network; it does not start without. */
const SEPARATE = '/run/sshd'
const READY = /Server listening/

/** A server for logins; `log` is what it says of itself. */
export type Door = { door: SshDoor; privateKey: string; log(): string; stop(): Promise<void> }

/** Is there a server to test against? Said loudly when there is none. */
export function hasSshd(): boolean {
  if (existsSync(SSHD)) return true
  console.warn(LOUD)
  return false
}

/** OpenSSH's server as this user on a free port, which takes one key. @param options lines of its configuration, before its defaults */
export async function startSshd(options: string[] = []): Promise<Door> {
  const folder = await mkdtemp(join(tmpdir(), 'sshd-'))
  const [host, user] = [keyPair(), keyPair()]
  const [port = 0] = await freePorts(1)
  const lines = ['UsePAM no', 'StrictModes no', 'Subsystem sftp internal-sftp', 'PidFile none', 'ListenAddress 127.0.0.1', `Port ${port}`]
  const own = [`HostKey ${join(folder, 'host')}`, `AuthorizedKeysFile ${join(folder, 'keys')}`, 'MaxStartups 1000', 'MaxSessions 1000']
  await writeFile(join(folder, 'host'), host.private, { mode: 0o600 })
  await writeFile(join(folder, 'keys'), `${user.public}\n`)
  await writeFile(join(folder, 'config'), [...options, ...lines, ...own, ''].join('\n'))
  if (process.getuid?.() === 0) await mkdir(SEPARATE, { recursive: true, mode: 0o755 })
  const server = spawn(SSHD, ['-D', '-e', '-f', join(folder, 'config')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
    if (READY.test(log)) resolve()
  })
  const ended = once(server, 'exit')
  void ended.then(() => reject(new Error(`sshd ended: ${log}`)))
  await ready
  const stop = async () => {
    server.kill()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  return { door: { host: '127.0.0.1', port, user: userInfo().username, hostKey: host.public }, privateKey: user.private, log: () => log, stop }
}
