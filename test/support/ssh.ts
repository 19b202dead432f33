import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ssh2, { type ConnectConfig } from 'ssh2'
import { generateSshKey } from '../../node-agents/core/ssh-key.ts'
import { knownHosts } from '../../schema/index.ts'

const { Client } = ssh2

/** An ed25519 pair: OpenSSH private key, and "type base64". Not by ssh2, which makes one broken key in 256. */
export function keyPair(): { private: string; public: string } {
  const { privateKey, publicKey } = generateSshKey('test')
  return { private: privateKey, public: publicKey }
}

export type Target = { port: number; hostKey: string; privateKey: string }
export type Said = { code: number | null; out: string; err: string }

/** Logs in with the host key pinned and runs one command. @param over what to connect with instead */
export async function login(target: Target, command: string, over: ConnectConfig = {}): Promise<Said> {
  const client = new Client()
  const pinned = Buffer.from(target.hostKey.split(' ')[1] ?? '', 'base64')
  const done = new Promise<Said>((resolve, reject) => {
    const said: Said = { code: null, out: '', err: '' }
    client.on('error', reject)
    client.on('close', () => reject(new Error('closed before the command ended')))
    client.on('ready', () =>
      client.exec(command, (error, stream) => {
        if (error) return reject(error)
        stream.on('data', (bytes: Buffer) => (said.out += bytes.toString()))
        stream.stderr.on('data', (bytes: Buffer) => (said.err += bytes.toString()))
        stream.on('exit', (code: number | null) => (said.code = code))
        stream.on('close', () => resolve(said))
      }),
    )
  })
  client.connect({
    host: '127.0.0.1',
    port: target.port,
    username: 'root',
    privateKey: target.privateKey,
    hostVerifier: (key: Buffer) => key.equals(pinned),
    readyTimeout: 5000,
    ...over,
  })
  try {
    return await done
  } finally {
    client.destroy()
  }
}

/** A login that stays open. What comes is kept; `closed` resolves when the server or the network ended it. */
export type Held = { write(text: string): void; readonly said: string; closed: Promise<void>; isClosed(): boolean; end(): void }

/** Logs in with the host key pinned and leaves one command running, its input open. */
export async function hold(target: Target, command: string): Promise<Held> {
  const client = new Client()
  const pinned = Buffer.from(target.hostKey.split(' ')[1] ?? '', 'base64')
  const { promise: opened, resolve, reject } = Promise.withResolvers<ssh2.ClientChannel>()
  const { promise: closed, resolve: close } = Promise.withResolvers<void>()
  let said = ''
  let over = false
  client.on('error', reject)
  client.on('close', () => {
    over = true
    close()
    reject(new Error('closed before the session stood'))
  })
  client.on('ready', () => client.exec(command, (error, stream) => (error ? reject(error) : resolve(stream))))
  client.connect({
    host: '127.0.0.1',
    port: target.port,
    username: 'root',
    privateKey: target.privateKey,
    hostVerifier: (key: Buffer) => key.equals(pinned),
    readyTimeout: 5000,
  })
  const stream = await opened
  stream.on('data', (bytes: Buffer) => (said += bytes.toString()))
  return {
    write: (text) => void stream.write(text),
    get said() {
      return said
    },
    closed,
    isClosed: () => over,
    end: () => client.destroy(),
  }
}

/** Runs one of the system's own SSH clients, strict about the host key; rejects when there is none or it fails. @param last the words after its options */
async function openssh(program: 'ssh' | 'sftp', target: Target, port: string, last: (folder: string) => Promise<string[]>) {
  const folder = await mkdtemp(join(tmpdir(), 'ssh-'))
  try {
    await writeFile(join(folder, 'key'), target.privateKey, { mode: 0o600 })
    await writeFile(join(folder, 'known_hosts'), `${knownHosts('127.0.0.1', target.port, target.hostKey)}\n`)
    const options = [
      'StrictHostKeyChecking=yes',
      `UserKnownHostsFile=${join(folder, 'known_hosts')}`,
      'GlobalKnownHostsFile=none',
      'BatchMode=yes',
      'IdentitiesOnly=yes',
    ]
    const args = ['-F', 'none', '-i', join(folder, 'key'), port, String(target.port), ...options.flatMap((o) => ['-o', o]), ...(await last(folder))]
    const { stdout, stderr } = await promisify(execFile)(program, args)
    return { out: stdout, err: stderr }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Runs a command by the system's own ssh. */
export const opensshLogin = (target: Target, command: string) => openssh('ssh', target, '-p', async () => ['root@127.0.0.1', command])

/** Has the system's own sftp do what these lines say. */
export const opensshCopy = (target: Target, lines: string[]) =>
  openssh('sftp', target, '-P', async (folder) => {
    await writeFile(join(folder, 'batch'), `${lines.join('\n')}\n`)
    return ['-b', join(folder, 'batch'), 'root@127.0.0.1']
  })

/** Does this machine have an OpenSSH client? */
export async function hasOpenssh(): Promise<boolean> {
  return promisify(execFile)('ssh', ['-V']).then(
    () => true,
    () => false,
  )
}

/** Holds a port of the loopback address until closed; null when it is taken. */
export async function holdPort(port: number): Promise<(() => Promise<void>) | null> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return null
  }
  return async () => {
    server.close()
    await once(server, 'close')
  }
}

/** Free ports of the loopback address, below the range outgoing connections use. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const release = found.includes(port) ? null : await holdPort(port)
    if (!release) continue
    await release()
    found.push(port)
  }
  return found
}
