import { finished } from 'node:stream/promises'
import { DriverError } from '../../core/ports.ts'
import { tail } from '../../core/tail.ts'
import type { Engine } from './client.ts'
import { demux } from './demux.ts'
import { driverError } from './errors.ts'

/** What timeout(1) answers when time is up. */
const TIMED_OUT = 124

/** Seconds between TERM and KILL, and that the engine gets on top before it is taken for stuck. */
const KILL_AFTER_S = 2
const ENGINE_SLACK_MS = 10_000

/** Runs argv inside, no shell, and waits for its end. @returns exit code and the last 2 KB of output */
export async function inside(engine: Engine, id: string, argv: string[], env: Record<string, string>, deadlineMs: number) {
  const deadline = AbortSignal.timeout(deadlineMs)
  const { id: execId, output } = await engine.exec(
    id,
    argv,
    Object.entries(env).map((pair) => pair.join('=')),
    deadline,
  )
  const last = tail()
  output.on('data', demux(last.write))
  await finished(output, { signal: deadline, writable: false }).catch((error: unknown) => {
    output.destroy()
    throw deadline.aborted ? new DriverError('engine_error', 'a command inside did not end when its time was up', error) : driverError(error)
  })
  // A stream that ends says nothing: it also ends when the engine dies.
  const exitCode = await engine.exitCode(execId)
  if (exitCode === null) throw new DriverError('engine_error', 'the output of a command inside ended before the command')
  return { exitCode, output: last.text() }
}

/**
 * Runs argv inside, no shell, for so long at most. The engine cannot stop what it started, so timeout(1) of the image does.
 * @returns exit code (124: time was up) and the last 2 KB of output
 */
export async function exec(engine: Engine, id: string, argv: string[], env: Record<string, string>, timeoutMs: number) {
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000))
  const began = performance.now()
  const limited = ['timeout', '-k', String(KILL_AFTER_S), String(seconds), ...argv]
  const { exitCode, output } = await inside(engine, id, limited, env, (seconds + KILL_AFTER_S) * 1000 + ENGINE_SLACK_MS)
  const late = performance.now() - began >= seconds * 1000
  return { exitCode: late && (exitCode === TIMED_OUT || exitCode === 137) ? TIMED_OUT : exitCode, output }
}
