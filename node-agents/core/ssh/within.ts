import { ShellError } from '../ports.ts'
import { stopped } from './fault.ts'

/** What may end a wait: `lost` aborts with a `ShellError` when the connection is gone. */
export type Bounds = { what: string; ms: number; lost: AbortSignal; signal: AbortSignal }

/** Settles as `work` does, unless the connection is lost, the time is up or the signal fires first. Leaves no timer and no listener. */
export async function within<T>(work: Promise<T>, { what, ms, lost, signal }: Bounds): Promise<T> {
  const { promise: ended, reject } = Promise.withResolvers<never>()
  const onLost = () => reject(lost.reason)
  const onSignal = () => reject(stopped(signal, what))
  // Whoever loses the race may still fail.
  work.catch(() => undefined)
  if (signal.aborted) onSignal()
  else if (lost.aborted) onLost()
  const timer = setTimeout(() => reject(new ShellError('timeout', `${what}: nothing within ${Math.round(ms)} ms`)), ms)
  lost.addEventListener('abort', onLost)
  signal.addEventListener('abort', onSignal)
  try {
    return await Promise.race([ended, work])
  } finally {
    clearTimeout(timer)
    lost.removeEventListener('abort', onLost)
    signal.removeEventListener('abort', onSignal)
  }
}
