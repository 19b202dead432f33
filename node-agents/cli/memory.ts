import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { allocationId } from '../../schema/index.ts'
import { readJson, writeAtomic } from '../core/files.ts'
import { configFolder, type Environment } from './credentials.ts'

/** What this machine knows of an allocation and the edge does not: which private keys open it, and its pinned host key. */
const remembered = z.object({ identities: z.array(z.string()) })

function folder(env: Environment, id: string): string {
  // The id becomes a path: only a real one may.
  return join(configFolder(env), 'allocations', allocationId.parse(id))
}

export async function remember(env: Environment, id: string, identities: string[]): Promise<void> {
  await mkdir(folder(env, id), { recursive: true, mode: 0o700 })
  await writeAtomic(join(folder(env, id), 'keys.json'), JSON.stringify({ identities } satisfies z.infer<typeof remembered>))
}

/** Private key files that open this allocation; empty when it was rented elsewhere. */
export async function identitiesOf(env: Environment, id: string): Promise<string[]> {
  const kept = await readJson(join(folder(env, id), 'keys.json'), remembered, 'Remove it and name the key: compute ssh -i FILE.')
  return kept?.identities ?? []
}

/** Writes the one host key that may answer. @returns the known_hosts file */
export async function pin(env: Environment, id: string, knownHostsLine: string): Promise<string> {
  const path = join(folder(env, id), 'known_hosts')
  await mkdir(folder(env, id), { recursive: true, mode: 0o700 })
  await writeAtomic(path, `${knownHostsLine}\n`)
  return path
}

export async function forget(env: Environment, id: string): Promise<void> {
  await rm(folder(env, id), { recursive: true, force: true })
}
