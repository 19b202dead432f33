import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { type Ended, run } from './process.ts'
import { keyPair } from './ssh.ts'
import { startStack, type TestStack } from './stack.ts'

/** A user at a terminal: a home of their own, a key of the edge, an SSH key, and the real `compute`. */
export type Terminal = {
  stack: TestStack
  home: string
  key: string
  /** A .pub file; its private half lies beside it. */
  publicKey: string
  env(): Record<string, string>
  compute(args: string[], more?: Record<string, string>): Promise<Ended>
  /** The JSON a command prints. Throws with what it said when it failed. */
  json<T>(args: string[], more?: Record<string, string>): Promise<T>
}

/** A market with one real miner, and a user of it, for all tests of a file. */
export function onTerminal(ready: (terminal: Terminal) => void): void {
  let stack: TestStack | undefined
  let home: string | undefined
  beforeAll(async () => {
    stack = await startStack()
    home = await mkdtemp(join(tmpdir(), 'compute-home-'))
    const { key } = await stack.client({ max_gpus: 4 })
    ready(terminal(stack, home, key, await newKey(home, 'mine')))
  })
  afterAll(async () => {
    await stack?.close()
    if (home) await rm(home, { recursive: true, force: true })
  })
}

/** A new SSH key pair in this folder. @returns its .pub file */
export async function newKey(folder: string, name: string): Promise<string> {
  const pair = keyPair()
  await writeFile(join(folder, name), pair.private, { mode: 0o600 })
  await writeFile(join(folder, `${name}.pub`), pair.public)
  return join(folder, `${name}.pub`)
}

function terminal(stack: TestStack, home: string, key: string, publicKey: string): Terminal {
  const env = () => ({ HOME: home, XDG_CONFIG_HOME: join(home, 'config'), COMPUTE_URL: stack.url, COMPUTE_API_KEY: key })
  const compute = (args: string[], more: Record<string, string> = {}) => run('compute', args, { ...env(), ...more })
  return {
    stack,
    home,
    key,
    publicKey,
    env,
    compute,
    async json<T>(args: string[], more: Record<string, string> = {}) {
      const { code, out, err } = await compute([...args, '--json'], more)
      if (code !== 0) throw new Error(`compute ${args.join(' ')} ended with ${code}: ${err}`)
      return JSON.parse(out) as T
    },
  }
}
