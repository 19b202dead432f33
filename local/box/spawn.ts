import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DriverError } from '../../node-agents/core/ports.ts'
import type { Ready } from './host.ts'
import { marked } from './processes.ts'
import { INSIDE, type BoxRecord } from './record.ts'

const HOST = fileURLToPath(new URL('host.ts', import.meta.url))
const READY_MOST_MS = 30_000

async function firstWord(child: ChildProcess, signal: AbortSignal): Promise<Ready> {
  const died = once(child, 'exit', { signal }).then(([code]) => {
    throw new DriverError('engine_error', `the SSH server of a box ended with ${String(code)}; its log says why`)
  })
  const [ready] = (await Promise.race([once(child, 'message', { signal }), died])) as [Ready]
  return ready
}

/**
 * Starts a box's SSH server on the first free port; resolves when it answers.
 * @throws DriverError no_port, engine_error; or the signal's reason. Then processes may be left: `endAll` them.
 */
export async function spawnHost(folder: string, record: BoxRecord, ports: number[], signal?: AbortSignal): Promise<{ pid: number; port: number }> {
  const log = await open(join(folder, INSIDE.log), 'a', 0o600)
  try {
    const env = { PATH: process.env['PATH'], ...marked(record.token) }
    const child = spawn(process.execPath, [HOST, folder, ...ports.map(String)], { detached: true, env, stdio: ['ignore', log.fd, log.fd, 'ipc'] })
    const deadline = AbortSignal.timeout(READY_MOST_MS)
    const { port } = await firstWord(child, signal ? AbortSignal.any([signal, deadline]) : deadline)
    if (child.connected) child.disconnect()
    child.unref()
    if (port === null) throw new DriverError('no_port', `none of ${ports.length} ports is free at 127.0.0.1`)
    return { pid: child.pid ?? 0, port }
  } finally {
    await log.close()
  }
}
