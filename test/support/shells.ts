import type { Connection, ServerChannel } from 'ssh2'
import { expect, onTestFinished } from 'vitest'
import type { ShellError, SshLogin, SshRun } from '../../node-agents/core/ports.ts'
import { sshShell } from '../../node-agents/core/ssh/client.ts'
import { type Host, sshHost, type SshHostOptions } from './hosts.ts'
import { until } from './until.ts'

/** The shell as its tests use it. */

export const shell = sshShell()
/** A deadline for what must not need one, and one for what must. */
export const LONG_MS = 30_000
export const SHORT_MS = 400
export const patience = () => AbortSignal.timeout(50_000)
export const soon = () => AbortSignal.timeout(SHORT_MS)

/** The code a call was rejected with. */
export const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'no error',
    (error: ShellError) => error.code ?? String(error),
  )

/** All it says, until it ends. */
export async function allOf(run: SshRun): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const bytes of run.output) chunks.push(bytes)
  return Buffer.concat(chunks).toString()
}

/** Gone when the test is, which fails if a connection to it was left open. */
export async function kept<T extends Host>(starting: Promise<T>): Promise<T> {
  const host = await starting
  onTestFinished(() =>
    until('all connections closed', () => host.open() === 0).then(host.stop, (error: unknown) => host.stop().then(() => Promise.reject(error))),
  )
  return host
}

/** A login at a host like this, closed when the test is over. */
export async function loggedIn(options: SshHostOptions): Promise<SshLogin> {
  const host = await kept(sshHost(options))
  const login = await shell.login(host.door, host.privateKey, LONG_MS, patience())
  onTestFinished(() => login.close())
  return login
}

/** Has every command be this. */
export const commands = (act: (channel: ServerChannel, client: Connection, command: string) => void): SshHostOptions => ({
  session: (session, client) => session.on('exec', (accept, _reject, { command }) => act(accept(), client, command)),
})

/** A command that says "hello" and ends well. */
export const hello = (channel: ServerChannel) => {
  channel.write('hello')
  channel.exit(0)
  channel.end()
}

/** Does it still run commands? Its host must say hello. */
export const alive = async (login: SshLogin) => expect(await allOf(await login.run('hello', patience()))).toBe('hello')
