import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { readJson, writeAtomic } from '../../node-agents/core/files.ts'
import { errno, Mistake, reason } from '../../node-agents/core/mistake.ts'
import { lockState } from '../../node-agents/core/lock.ts'
import { makeKeys } from '../edge/keys.ts'

const keys = z.object({
  edge: z.object({
    vars: z.object({ SIGNING_KEY: z.string(), EDGE_ADDRESS: z.string(), ADMIN_KEY: z.string() }),
    fingerprint: z.string(),
  }),
  databaseToken: z.string(),
  /** The client key printed for people; null until the edge made one. */
  client: z.string().nullable(),
  /** What its rentals run in; null until the first start. */
  driver: z.enum(['docker', 'box']).nullable().default(null),
})
export type StackKeys = z.infer<typeof keys>

/** Everything a stack keeps between two starts, in one folder. */
export class StackState {
  readonly folder: string
  keys: StackKeys
  readonly unlock: () => Promise<void>

  private constructor(folder: string, made: StackKeys, unlock: () => Promise<void>) {
    this.folder = folder
    this.keys = made
    this.unlock = unlock
  }

  /** Opens or makes the folder, for this process alone. Throws a Mistake that names the fix. */
  static async open(folder: string): Promise<StackState> {
    await makeFolder(folder)
    const unlock = await lock(folder)
    try {
      const path = join(folder, 'keys.json')
      const fix = `Remove ${folder} to begin anew: everything in it was made by npm start.`
      const known = await readJson(path, keys, fix)
      const state = new StackState(folder, known ?? (await fresh()), unlock)
      if (!known) await state.keep({})
      return state
    } catch (error) {
      await unlock()
      throw error
    }
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts)
  }

  async keep(change: Partial<StackKeys>): Promise<void> {
    this.keys = { ...this.keys, ...change }
    await writeAtomic(this.path('keys.json'), JSON.stringify(this.keys, null, 2))
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    for (const part of ['', 'log', 'edge']) await mkdir(join(folder, part), { recursive: true, mode: 0o700 })
  } catch (error) {
    const fix = errno(error) === 'ENOSPC' ? 'free some disk space' : 'choose a folder this user may write, with --state'
    throw new Mistake(`${folder} cannot be made (${reason(error)}): ${fix}`, error)
  }
}

async function lock(folder: string): Promise<() => Promise<void>> {
  try {
    return await lockState(folder)
  } catch (error) {
    if (!(error instanceof Mistake)) throw error
    throw new Mistake(`another npm start uses ${folder}: stop it first, or give this one its own folder and port (npm start -- --state DIR --port N)`, error)
  }
}

async function fresh(): Promise<StackKeys> {
  return keys.parse({ edge: await makeKeys(), databaseToken: randomBytes(24).toString('base64url'), client: null, driver: null })
}
