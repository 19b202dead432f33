import { setTimeout as sleep } from 'node:timers/promises'

/** Tries until it succeeds; after the time given, the last failure is the test's. */
export async function eventually<T>(attempt: () => Promise<T> | T, mostMs = 15_000): Promise<T> {
  const end = performance.now() + mostMs
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (performance.now() > end) throw error
      await sleep(20)
    }
  }
}
