/** What a shell says of a command that Ctrl-C ended. */
export const INTERRUPTED = 130

/** Ctrl-C, a service manager, and a terminal that is gone. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Lets the work clean up after the first Ctrl-C; a second one ends the process at once. @returns null when it was interrupted */
export async function uninterrupted<T>(work: (signal: AbortSignal) => Promise<T>, from?: AbortSignal): Promise<T | null> {
  const stop = new AbortController()
  const onSignal = () => stop.abort()
  for (const name of SIGNALS) process.once(name, onSignal)
  const signal = from ? AbortSignal.any([stop.signal, from]) : stop.signal
  try {
    return await work(signal)
  } catch (error) {
    if (signal.aborted) return null
    throw error
  } finally {
    for (const name of SIGNALS) process.removeListener(name, onSignal)
  }
}
