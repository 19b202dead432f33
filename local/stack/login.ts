import ssh2 from 'ssh2'
import type { Door } from '../../node-agents/cli/endpoint.ts'

const READY_MS = 15_000

/** Logs in where only the pinned host key may answer, runs one command. Rejects when it cannot, or the command fails. @returns what it printed */
export async function runCommand(door: Door, privateKey: string, command: string): Promise<string> {
  const client = new ssh2.Client()
  const pinned = Buffer.from(door.knownHosts.split(' ')[2] ?? '', 'base64')
  try {
    return await new Promise((resolve, reject) => {
      client.on('error', reject)
      client.on('close', () => reject(new Error('the connection was closed before the command ended')))
      client.on('ready', () => exec(client, command).then(resolve, reject))
      client.connect({
        host: door.host,
        port: door.port,
        username: door.user,
        privateKey,
        hostVerifier: (key: Buffer) => key.equals(pinned),
        readyTimeout: READY_MS,
      })
    })
  } finally {
    client.destroy()
  }
}

function exec(client: ssh2.Client, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, stream) => {
      if (error) return reject(error)
      let out = ''
      let code: number | null = null
      stream.on('data', (bytes: Buffer) => (out += bytes.toString()))
      stream.stderr.on('data', (bytes: Buffer) => (out += bytes.toString()))
      stream.on('exit', (exit: number | null) => (code = exit))
      stream.on('close', () => (code === 0 ? resolve(out.trim()) : reject(new Error(`the command ended with ${code}: ${out.trim()}`))))
    })
  })
}
