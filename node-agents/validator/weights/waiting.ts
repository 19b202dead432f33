import { randomBytes } from 'node:crypto'

/** What work gives, or an AbortError as soon as the signal fires: the work itself goes on unheard. */
export async function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  work.catch(() => undefined) // heard below, unless the signal is first
  const { promise, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    signal.throwIfAborted()
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Of a hash commitment: as many u16 as the SDK takes. */
export function newSalt(): number[] {
  return [...new Uint16Array(new Uint8Array(randomBytes(16)).buffer)]
}
