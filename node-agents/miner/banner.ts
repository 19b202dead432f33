import { connect } from 'node:net'
import type { Clock } from '../core/ports.ts'

/** Tight at first, because a container on a warm host answers within a fifth of a second; then gentler. */
const FIRST_STEP_MS = 5
const LAST_STEP_MS = 500
const GROWTH = 1.1
const TRY_MS = 2000
/** RFC 4253 §4.2: other lines may come first, so look a little further than the first one. */
const LOOK_BYTES = 4096

/** One dial: true when an SSH server introduces itself. A connection alone proves nothing, a proxy may take it. */
export function hasBanner(host: string, port: number, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false)
    const socket = connect({ host, port })
    let seen = ''
    const onAbort = () => end(false)
    const timer = setTimeout(onAbort, timeoutMs)
    const end = (answer: boolean) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.destroy()
      resolve(answer)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
      if (/^SSH-2\.0-|\nSSH-2\.0-/.test(seen)) end(true)
      else if (seen.length > LOOK_BYTES) end(false)
    })
    socket.on('error', () => end(false)) // refused, reset: not there yet, and the caller's deadline judges that
    socket.on('close', () => end(false))
  })
}

export type Dial = { host: string; port: number; withinMs: number; /** False once nothing can answer any more. */ alive: () => boolean }

/** Dials until an SSH server answers. @returns whether it did; rejects when the signal fires */
export async function awaitBanner(clock: Clock, { host, port, withinMs, alive }: Dial, signal: AbortSignal): Promise<boolean> {
  const end = clock.monotonicMs() + withinMs
  for (let step = FIRST_STEP_MS; alive(); step = Math.min(step * GROWTH, LAST_STEP_MS)) {
    const left = end - clock.monotonicMs()
    if (left <= 0) return false
    if (await hasBanner(host, port, Math.min(TRY_MS, left), signal)) return true
    await clock.sleep(Math.min(step, left), signal)
  }
  return false
}
