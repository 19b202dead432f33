import type { StartOptions } from '../../local/chain/start.ts'
import { type RunningChain, startChain } from '../../local/chain/start.ts'
import { type Client, connect } from './polkadot.ts'

export type Bench = RunningChain & { client: Client; api: Client['api'] }

/** A development chain of its own and a client on it, for as long as a story takes. */
export async function withChain<T>(options: StartOptions, story: (bench: Bench) => Promise<T>): Promise<T> {
  const chain = await startChain(options)
  try {
    const client = await connect(chain.url)
    try {
      return await story({ ...chain, client, api: client.api })
    } finally {
      await client.close()
    }
  } finally {
    await chain.close()
  }
}
