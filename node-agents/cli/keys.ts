import { spawnSync } from 'node:child_process'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parsePublicKey } from '../../schema/index.ts'
import { readIfThere } from '../core/files.ts'
import { errno, Mistake, reason } from '../core/mistake.ts'
import { configFolder, type Environment } from './credentials.ts'

/** A public key to send, and the file whose other half opens the door. */
export type SshKey = { line: string; identity: string; note: string | null }

/** Reads one public key file. Throws a Mistake for anything that is not one: a private key must never be sent. */
export async function readKey(path: string): Promise<SshKey> {
  const text = await readPublic(path)
  const parsed = parsePublicKey(text)
  if (!parsed.ok) throw new Mistake(`ssh_keys (--key): ${path}: ${parsed.message}`)
  return { line: parsed.line, identity: path.replace(/\.pub$/, ''), note: null }
}

async function readPublic(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    throw new Mistake(`ssh_keys (--key): ${path} cannot be read (${reason(error)}); name a .pub file, such as ~/.ssh/id_ed25519.pub`, error)
  }
}

/** The first usable key of ~/.ssh; else the CLI's own, made when there is none yet. */
export async function defaultKey(env: Environment): Promise<SshKey> {
  const folder = join(env['HOME'] || homedir(), '.ssh')
  for (const name of (await namesIn(folder)).filter((n) => n.endsWith('.pub')).sort()) {
    const path = join(folder, name)
    const parsed = parsePublicKey(await readFile(path, 'utf8'))
    if (parsed.ok) return { line: parsed.line, identity: path.replace(/\.pub$/, ''), note: `using the SSH key ${path} (choose another with --key)` }
  }
  return ownKey(env)
}

async function ownKey(env: Environment): Promise<SshKey> {
  const identity = join(configFolder(env), 'id_ed25519')
  const isNew = (await readIfThere(`${identity}.pub`)) === null
  if (isNew) {
    await mkdir(configFolder(env), { recursive: true, mode: 0o700 })
    generate(identity)
  }
  return { ...(await readKey(`${identity}.pub`)), note: `no key in ~/.ssh: ${isNew ? 'made' : 'using'} ${identity}` }
}

function generate(path: string): void {
  const { error, status, stderr } = spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'compute', '-f', path], { encoding: 'utf8' })
  if (error && errno(error) === 'ENOENT')
    throw new Mistake('there is no SSH key in ~/.ssh, and ssh-keygen is not installed to make one: install the OpenSSH client, or name a public key with --key')
  if (error || status !== 0) throw new Mistake(`ssh-keygen could not make a key at ${path}: ${error ? error.message : stderr.trim()}`, error)
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (errno(error) === 'ENOENT') return []
    throw new Mistake(`${folder} cannot be read: ${reason(error)}`, error)
  }
}
