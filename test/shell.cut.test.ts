import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import ssh2 from 'ssh2'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ShellError, type SshDoor } from '../node-agents/core/ports.ts'
import { type Host, meddledLine, type Meddler, type SshHost, sshHost } from './support/hosts.ts'
import { allOf, LONG_MS, patience, shell } from './support/shells.ts'
import { until } from './support/until.ts'

/** A line that is cut, stopped or changed at any place. Nothing that throws past its caller may be left: the runner fails on it. */

const CONTENT = Buffer.alloc(50_000, 'c')
const SAYS = 'x'.repeat(20_000)
const STOP_MS = 300

let host: SshHost
/** Bytes the server says until the exchange is over, and in all. */
const said = { greeting: 0, all: 0 }
beforeAll(async () => {
  const { STATUS_CODE } = ssh2.utils.sftp
  host = await sshHost({
    session: (session) =>
      session
        .on('sftp', (accept) => {
          const sftp = accept()
          const well = (id: number) => sftp.status(id, STATUS_CODE.OK)
          sftp.on('MKDIR', well).on('WRITE', well).on('CLOSE', well).on('SETSTAT', well)
          sftp.on('OPEN', (id) => sftp.handle(id, Buffer.from('h')))
        })
        .on('exec', (accept) => {
          const channel = accept()
          channel.stderr.write('errors')
          channel.write(SAYS)
          channel.exit(0)
          channel.end()
        }),
  })
  let sent = 0
  const count: Meddler = (bytes) => {
    sent += bytes.length
    return { pass: bytes }
  }
  await through(count, false, async (door) => {
    await shell.greet(door, LONG_MS, patience())
    said.greeting = sent
    sent = 0
    await work(door)
    said.all = sent
  })
})
afterAll(() => host?.stop())

/** Everything that is done with a host. Short waits where a line may stop. */
async function work(door: SshDoor, ms = LONG_MS): Promise<string> {
  const soon = () => AbortSignal.timeout(ms)
  const login = await shell.login(door, host.privateKey, ms, patience())
  try {
    await login.upload('/tmp/x/y', CONTENT, soon())
    const run = await login.run('say', soon())
    soon().addEventListener('abort', () => run.close())
    const text = await allOf(run)
    await run.ended
    return text
  } finally {
    await login.close()
  }
}

/** Does it over a line like this, which nothing is left of. */
async function through<T>(meddler: Meddler, end: boolean, act: (door: SshDoor) => Promise<T>): Promise<T> {
  const line: Host = await meddledLine(host.port, meddler, end)
  try {
    const done = await act({ ...host.door, port: line.port })
    await until('both ends closed', () => line.open() === 0 && host.open() === 0)
    return done
  } finally {
    await line.stop()
  }
}

const outcome = (work: Promise<unknown>) =>
  work.then(
    (value) => (value === SAYS || typeof value === 'number' ? 'done' : `wrong: ${String(value).length}`),
    (error: unknown) => (error instanceof ShellError ? error.code : `not a ShellError: ${String(error)}`),
  )

/** Places in what the server says: all over it, closer where the exchange is. */
const places = () => {
  const early = Array.from({ length: 24 }, (_, i) => Math.floor((i * said.greeting) / 24))
  const late = Array.from({ length: 24 }, (_, i) => said.greeting + Math.floor((i * (said.all - said.greeting)) / 24))
  return [...early, ...late]
}

/** What it says up to this byte, and then nothing: the line is cut. */
const cutAt =
  (place: number): Meddler =>
  (bytes, before) => ({ pass: bytes.subarray(0, Math.max(0, place - before)), cut: before + bytes.length >= place })

describe('a line', () => {
  test.each([
    ['cut', false],
    ['closed as by the host', true],
  ])('that is %s anywhere breaks what is under way', async (_, end) => {
    for (const place of places()) {
      const got = await through(cutAt(place), end, (door) => outcome(work(door)))
      // A host that leaves before a word may look as if nobody were there.
      expect(['broken', 'unreachable'], `cut at ${place} of ${said.all}`).toContain(got)
    }
  })

  test('that is cut in a greeting gives no greeting', async () => {
    for (const place of places().filter((p) => p < said.greeting - 64)) {
      const got = await through(cutAt(place), false, (door) => outcome(shell.greet(door, LONG_MS, patience())))
      expect(['broken', 'unreachable', 'done'].slice(0, place < said.greeting / 2 ? 2 : 3), `cut at ${place} of ${said.greeting}`).toContain(got)
    }
  })

  test('that stops anywhere is a timeout', async () => {
    for (const place of places().filter((_, i) => i % 4 === 1)) {
      const stop: Meddler = (bytes, before) => ({ pass: bytes.subarray(0, Math.max(0, place - before)) })
      const got = await through(stop, false, (door) => outcome(work(door, STOP_MS)))
      // The last is ended from our side: its reader is told so.
      expect(['timeout', 'broken'], `stopped at ${place} of ${said.all}`).toContain(got)
    }
  })

  test('that changes one bit anywhere gives nothing that was not said', async () => {
    for (const [i, place] of places().entries()) {
      const change: Meddler = (bytes, before) => {
        const pass = Buffer.from(bytes)
        const at = place - before
        if (at >= 0 && at < pass.length) pass.writeUInt8(pass.readUInt8(at) ^ (1 << (i % 8)), at)
        return { pass }
      }
      const got = await through(change, false, (door) => outcome(work(door, 2000)))
      // The padding of the first packets is all that may change and harm nothing.
      expect(['broken', 'wrong_host_key', 'timeout', 'done'].slice(0, place < said.greeting ? 4 : 3), `bit of byte ${place} of ${said.all}`).toContain(got)
    }
  })
})

test('what was done leaves nothing that keeps a process alive', async () => {
  const client = fileURLToPath(new URL('../node-agents/core/ssh/client.ts', import.meta.url))
  const script = `import { sshShell } from ${JSON.stringify(client)}
    const door = ${JSON.stringify(host.door)}, never = new AbortController().signal, shell = sshShell()
    await shell.greet(door, 3600000, never)
    await shell.greet({ ...door, hostKey: ${JSON.stringify(host.door.hostKey.replace(/.{8}$/, 'AAAAAAAA'))} }, 3600000, never).catch(() => {})
    const login = await shell.login(door, ${JSON.stringify(host.privateKey)}, 3600000, never)
    await login.upload('/tmp/x/y', Buffer.from('x'), never)
    const run = await login.run('say', never)
    for await (const bytes of run.output) break
    await login.run('say', never)
    await login.close()
    console.log('done')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
  // It ends by itself, or this test does not.
  const [code] = (await once(child, 'close')) as [number]
  expect([code, text]).toEqual([0, 'done\n'])
})
