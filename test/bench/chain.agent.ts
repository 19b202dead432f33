import { connectChain } from '../../node-agents/core/chain/index.ts'
import { makeLog } from '../../node-agents/core/log.ts'

// What the bench weighs: an agent's process with a connection to the chain at argv[2], or without one. Prints its RSS in MB, once.

const HEADS = 5
const [url] = process.argv.slice(2)
const log = makeLog('error', 'bench')
const stop = new AbortController()

/** Reads the metagraph of so many heads, as an agent does. */
async function follow(endpoint: string): Promise<void> {
  const chain = connectChain({ endpoints: [endpoint], genesis: null, log })
  chain.run(stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error
  })
  await chain.ready(stop.signal)
  const { promise, resolve } = Promise.withResolvers<void>()
  let heads = 0
  chain.onHead(() => {
    if (++heads >= HEADS) resolve()
  })
  await promise
  for (let i = 0; i < HEADS; i++) await chain.metagraph(27)
}

if (url) await follow(url)
console.log(JSON.stringify({ mb: process.memoryUsage().rss / 1e6 }))
stop.abort()
process.exit(0)
