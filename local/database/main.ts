import { parseArgs } from 'node:util'
import { startDatabase } from './server.ts'
import { explain } from './trouble.ts'

/**
 * `node local/database/main.ts --file F [--port P]`: serves F until told to stop; the token, if any, is in COMPUTE_DATABASE_TOKEN.
 * Prints one JSON line when it listens. Started over IPC it stops with its parent, so that no orphan keeps the port.
 */
const { values } = parseArgs({ options: { file: { type: 'string' }, port: { type: 'string', default: '0' } } })
const { file, port } = values
const token = process.env['COMPUTE_DATABASE_TOKEN']

try {
  if (!file) throw new Error('say where the data lives: --file PATH')
  const database = await startDatabase({ file, port: Number(port), ...(token && { token }) })
  const stop = () => void database.close().then(() => process.exit(0), fail)
  for (const signal of ['SIGINT', 'SIGTERM', 'disconnect']) process.once(signal, stop)
  console.log(JSON.stringify({ url: database.url }))
} catch (error) {
  fail(error)
}

function fail(error: unknown): never {
  console.error(explain(error, { file: file ?? '', port: Number(port) }))
  process.exit(1)
}
