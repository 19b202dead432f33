import { json } from 'node:stream/consumers'
import { reason } from '../../node-agents/core/mistake.ts'
import { type EdgeOptions, startEdge } from './start.ts'

/**
 * `node local/edge/main.ts`: an edge with the EdgeOptions given as JSON on standard input, where no other user sees its secrets.
 * Prints one JSON line when it listens, then its log. Fires cron each minute, as Cloudflare would.
 * Started over IPC it stops with its parent, so that no orphan keeps the port.
 */
const CRON_MS = 60_000

// Building the Worker takes a while: who is let go of meanwhile has nothing to finish.
let stop = (): void => process.exit(0)
if (process.connected === false) stop()
process.once('disconnect', () => stop())
const edge = await startEdge({ ...((await json(process.stdin)) as EdgeOptions), onLog: (line) => console.log(line) })
console.log(JSON.stringify({ url: edge.url }))
const tick = () => void edge.tick().catch((error: unknown) => console.error(`cron: ${reason(error)}`))
const cron = setInterval(tick, CRON_MS)
tick()
stop = () => {
  clearInterval(cron)
  void edge.close().then(() => process.exit(0))
}
