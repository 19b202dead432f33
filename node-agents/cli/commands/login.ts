import { text } from 'node:stream/consumers'
import type { Command } from 'commander'
import { answer, connect, Refused } from '../client.ts'
import { checkUrl, type Credentials, saveCredentials } from '../credentials.ts'
import type { Io } from '../io.ts'

/** Asks the edge for something small. A key without the client's scope is a good key too. */
async function probe(credentials: Credentials): Promise<void> {
  try {
    await answer(connect(credentials).v1.allocations.$get({ query: { limit: '1' } }))
  } catch (error) {
    if (!(error instanceof Refused) || error.problem.code !== 'forbidden') throw error
  }
}

async function login(io: Io, { url, key }: Credentials): Promise<void> {
  const credentials = { url: checkUrl(url), key: key === '-' ? (await text(process.stdin)).trim() : key }
  await probe(credentials)
  const path = await saveCredentials(io.env, credentials)
  io.err(`kept in ${path}; COMPUTE_URL and COMPUTE_API_KEY win over it`)
}

/** `login`: keep an edge and a key for all other commands. */
export function loginCommand(program: Command, io: Io): void {
  program
    .command('login')
    .description('check a key at an edge and keep both for later')
    .requiredOption('--url <url>', 'address of the edge')
    .requiredOption('--key <key>', 'API key; - reads it from standard input, out of sight of other users')
    .action((credentials: Credentials) => login(io, credentials))
}
