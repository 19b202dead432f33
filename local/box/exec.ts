import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { tail } from '../../node-agents/core/tail.ts'
import { signalTo } from './processes.ts'

/** As timeout(1) and the shells have it. */
const TIMED_OUT = 124
const NOT_FOUND = 127
const KILL_AFTER_MS = 2000

/**
 * Runs argv, no shell.
 * @returns exit code (124: time was up, 127: no such command) and the last 2 KB of output
 */
export async function exec(argv: string[], cwd: string, env: Record<string, string>, timeoutMs: number) {
  const [command = '', ...args] = argv
  const last = tail()
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.on('data', last.write)
  child.stderr.on('data', last.write)
  const { pid } = child
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error]
    return { exitCode: NOT_FOUND, output: error.message }
  }
  let late = false
  const term = setTimeout(() => {
    late = true
    signalTo(-pid, 'SIGTERM')
  }, timeoutMs)
  const kill = setTimeout(() => {
    signalTo(-pid, 'SIGKILL')
    // What left the group may hold the output open for ever.
    child.stdout.destroy()
    child.stderr.destroy()
  }, timeoutMs + KILL_AFTER_MS)
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  clearTimeout(term)
  clearTimeout(kill)
  const exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0)
  return { exitCode: late ? TIMED_OUT : exitCode, output: last.text() }
}
