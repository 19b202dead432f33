import { once } from 'node:events'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errno } from '../../node-agents/core/mistake.ts'
import { endAll } from './processes.ts'
import { INSIDE, readRecord } from './record.ts'
import { boxServer } from './server.ts'
import { END_SESSIONS, sessionEnv } from './place.ts'

/** One box: `node host.ts FOLDER PORT…`. Runs by itself, so that it outlives the agent that made it. */

const ORPHAN_CHECK_MS = 2000

/** What the host tells its maker once: the port it took, or that none was free. */
export type Ready = { port: number | null }

type Listener = ReturnType<typeof boxServer>['listener']

async function listen(server: Listener, port: number): Promise<boolean> {
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch (error) {
    if (errno(error) === 'EADDRINUSE') return false
    throw error
  }
}

async function firstFree(server: Listener, ports: number[]): Promise<number | null> {
  for (const port of ports) if (await listen(server, port)) return port
  return null
}

async function main(folder: string, ports: number[]): Promise<void> {
  const record = await readRecord(folder)
  if (!record) throw new Error(`no box in ${folder}`)
  const home = join(folder, INSIDE.home)
  const hostKey = await readFile(join(folder, INSIDE.hostKey), 'utf8')
  const server = boxServer(hostKey, join(folder, INSIDE.keys), { home, env: sessionEnv(record, home) })
  process.on(END_SESSIONS, () => {
    server.endSessions()
    void writeFile(join(folder, INSIDE.ended), '', { mode: 0o600 }) // whoever asked waits for it
  })
  const port = await firstFree(server.listener, ports)
  process.send?.({ port } satisfies Ready)
  if (port === null) return process.disconnect()
  // Whoever deletes the folder by hand has ended the box too.
  setInterval(() => access(join(folder, INSIDE.record)).catch(() => endAll(record.token, 0)), ORPHAN_CHECK_MS)
}

const [folder, ...ports] = process.argv.slice(2)
await main(folder ?? '', ports.map(Number))
