import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { readJson, writeAtomic } from '../core/files.ts'
import { Mistake } from '../core/mistake.ts'

export type Credentials = { url: string; key: string }
export type Environment = Record<string, string | undefined>

const stored = z.object({ url: z.string(), key: z.string() })
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The CLI's own folder: credentials, pinned host keys, a key pair when the user has none. */
export function configFolder(env: Environment): string {
  return join(env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'compute')
}

function credentialsPath(env: Environment): string {
  return join(configFolder(env), 'credentials.json')
}

/** An edge's address without a trailing slash. Throws a Mistake when the key would travel where others can read it. */
export function checkUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Mistake(`${JSON.stringify(given)} is not the address of an edge; it looks like https://edge.example.org`)
  if (url.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    throw new Mistake(`${url.origin} is plain http: everybody on the way could read the API key. Use https`)
  return url.href.replace(/\/+$/, '')
}

/** Whose name to call in: COMPUTE_URL and COMPUTE_API_KEY, else what `compute login` kept. Throws a Mistake when there is neither. */
export async function loadCredentials(env: Environment): Promise<Credentials> {
  const { COMPUTE_URL: url, COMPUTE_API_KEY: key } = env
  const kept = url && key ? null : await readJson(credentialsPath(env), stored, 'Run compute login again.')
  const both = { url: url || kept?.url, key: key || kept?.key }
  if (!both.url) throw new Mistake('no edge is known: run compute login --url URL --key KEY, or set COMPUTE_URL')
  if (!both.key) throw new Mistake('no API key is known: run compute login --url URL --key KEY, or set COMPUTE_API_KEY')
  return { url: checkUrl(both.url), key: both.key }
}

/** Keeps credentials for later calls, readable by this user only. @returns the file */
export async function saveCredentials(env: Environment, credentials: Credentials): Promise<string> {
  const path = credentialsPath(env)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomic(path, `${JSON.stringify(credentials, null, 2)}\n`)
  return path
}
