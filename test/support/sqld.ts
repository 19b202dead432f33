import { generateKeyPairSync } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { eventually } from './eventually.ts'

const FETCHED = join(import.meta.dirname, '../../.build/sqld/sqld')

/** Kills sqld when its own standard input ends, which it does however this process dies: a test run leaves no server behind. */
const LEASH = '"$@" </dev/null & child=$!; read -r _; kill -9 "$child"'

/** Where Turso's own server is: COMPUTE_SQLD, or what `.ci/sqld` fetched; null when there is none. */
export function sqldBinary(): string | null {
  const named = process.env['COMPUTE_SQLD']
  if (named && !existsSync(named)) throw new Error(`COMPUTE_SQLD names ${named}, which is not there`)
  return named || (existsSync(FETCHED) ? FETCHED : null)
}

/** A real sqld over an empty database in a scratch folder, with its own limits: above 128 requests at once it answers 429, as Turso does. `guarded`: it asks for the token that comes back. */
export async function startSqld(binary: string, { guarded }: { guarded?: boolean } = {}): Promise<{ url: string; token?: string; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'sqld-'))
  const address = `127.0.0.1:${await freePort()}`
  const args = ['--db-path', folder, '--http-listen-addr', address, '--no-welcome']
  const lock = guarded ? await makeLock() : null
  const env = { ...process.env, ...(lock && { SQLD_AUTH_JWT_KEY: lock.key }) }
  const child = spawn('sh', ['-c', LEASH, 'sh', binary, ...args], { env, stdio: ['pipe', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  let said = ''
  child.stderr.on('data', (chunk) => (said = `${said}${String(chunk)}`.slice(-2000)))

  async function close() {
    child.stdin.end()
    await exited
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await eventually(async () => {
      const { status } = await fetch(`http://${address}/health`)
      if (status !== 200) throw new Error(`sqld answers ${status}`)
    }, 30_000)
  } catch (cause) {
    await close()
    throw new Error(`sqld did not start: ${said}`, { cause })
  }
  return { url: `http://${address}`, close, ...(lock && { token: lock.token }) }
}

/** A key for sqld and a token that it opens to, as Turso hands them out. */
async function makeLock(): Promise<{ key: string; token: string }> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const { x } = publicKey.export({ format: 'jwk' })
  if (!x) throw new TypeError('an Ed25519 key has an x')
  return { key: x, token: await new SignJWT({ a: 'rw' }).setProtectedHeader({ alg: 'EdDSA' }).sign(privateKey) }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port')
  return address.port
}
