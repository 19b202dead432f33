import { spawn, type ChildProcess } from 'node:child_process'
import { StringDecoder } from 'node:string_decoder'
import type { ServerChannel, Session } from 'ssh2'
import { signalTo } from './processes.ts'
import { serveSftp } from './sftp.ts'
import { lineEditor, withReturns } from './tty.ts'

/** Variables a client's ssh may set by itself, as our sshd allows. */
const ACCEPTED = /^(LANG|LC_[A-Z]+)$/

/** Where and as whom sessions run. */
export type Place = { home: string; env: Record<string, string> }

type Shell = ChildProcess & {
  pid: number
  stdin: NonNullable<ChildProcess['stdin']>
  stdout: NonNullable<ChildProcess['stdout']>
  stderr: NonNullable<ChildProcess['stderr']>
}

const started = (child: ChildProcess): child is Shell => child.pid !== undefined && child.stdin !== null && child.stdout !== null && child.stderr !== null

function plain(channel: ServerChannel, shell: Shell): void {
  channel.pipe(shell.stdin)
  shell.stdout.pipe(channel, { end: false })
  shell.stderr.pipe(channel.stderr, { end: false })
}

/** A client that asked for a terminal gets echo and line editing; both outputs go one way, as a terminal has only one. */
function terminal(channel: ServerChannel, shell: Shell): void {
  const edit = lineEditor()
  const typed = new StringDecoder('utf8')
  channel.on('data', (bytes: Buffer) => {
    const keys = edit(typed.write(bytes))
    if (keys.echo) channel.write(keys.echo)
    if (keys.send) shell.stdin.write(keys.send)
    if (keys.interrupt) signalTo(-shell.pid, 'SIGINT')
    if (keys.end) shell.stdin.end()
  })
  channel.on('end', () => shell.stdin.end())
  for (const output of [shell.stdout, shell.stderr]) {
    output.setEncoding('utf8')
    output.on('data', (text: string) => {
      if (channel.write(withReturns(text))) return
      output.pause()
      channel.once('drain', () => output.resume())
    })
  }
}

function launch(channel: ServerChannel, place: Place, args: string[], term: string | null): void {
  const env = term === null ? place.env : { ...place.env, TERM: term }
  const child = spawn('/bin/sh', args, { cwd: place.home, env, detached: true, stdio: 'pipe' })
  child.on('error', (error) => {
    channel.stderr.write(`${error.message}\n`)
    channel.exit(127)
    channel.end()
  })
  if (!started(child)) return
  // A command may end before it has read all that is sent to it.
  child.stdin.on('error', () => undefined)
  if (term === null) plain(channel, child)
  else terminal(channel, child)
  child.on('close', (code, signal) => {
    // What waits on stderr for the client to take it would be lost with the channel: a write comes after all those before it.
    channel.stderr.write('', () => {
      if (code === null) channel.exit(String(signal).replace(/^SIG/, ''))
      else channel.exit(code)
      channel.end()
    })
  })
  channel.on('close', () => {
    if (child.exitCode === null && child.signalCode === null) signalTo(-child.pid, 'SIGHUP')
  })
}

/** One session of one login: a command, a shell, or SFTP. */
export function serveSession(session: Session, place: Place): void {
  let term: string | null = null
  const env = { ...place.env }
  session.on('pty', (accept, _reject, info) => {
    term = info.term || 'dumb'
    accept?.()
  })
  session.on('window-change', (accept) => accept?.())
  session.on('env', (accept, reject, info) => {
    if (!ACCEPTED.test(info.key)) return reject?.()
    env[info.key] = info.val
    accept?.()
  })
  session.on('exec', (accept, _reject, info) => launch(accept(), { ...place, env }, ['-c', info.command], term))
  session.on('shell', (accept) => launch(accept(), { ...place, env }, term === null ? [] : ['-i'], term))
  session.on('sftp', (accept) => serveSftp(accept(), place.home))
}
