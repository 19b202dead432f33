import { createHash } from 'node:crypto'
import { realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errno, Mistake } from '../core/mistake.ts'

/** Linux has sockets without a file: the kernel drops them with the process, so a lock is never stale. */
function address(path: string): string {
  const name = `compute-agent-${createHash('sha256').update(path).digest('hex').slice(0, 32)}`
  return process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', reject)
    server.listen(path, () => {
      server.unref()
      resolve(server)
    })
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (yes: boolean) => {
      socket.destroy()
      resolve(yes)
    }
    socket.on('connect', () => end(true))
    socket.on('error', () => end(false))
  })
}

async function take(path: string): Promise<Server | null> {
  try {
    return await listen(path)
  } catch (error) {
    if (errno(error) === 'EADDRINUSE') return null
    throw error
  }
}

/**
 * One agent per state directory: two would send two truths and fight over containers.
 * @returns a function that gives the lock back; a process that dies gives it back too
 */
export async function lockState(dir: string): Promise<() => Promise<void>> {
  const path = address(await realpath(dir))
  let server = await take(path)
  if (!server && !path.startsWith('\0') && !(await answers(path))) {
    await rm(path, { force: true })
    server = await take(path)
  }
  if (!server) throw new Mistake(`another agent already uses ${dir}: stop it first, or give this one its own --state directory`)
  const held = server
  return () => new Promise((resolve, reject) => held.close((error) => (error ? reject(error) : resolve())))
}
