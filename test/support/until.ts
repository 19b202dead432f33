import { setTimeout as sleep } from 'node:timers/promises'

/** Polls until the condition gives something truthy, and gives it back; fails after `withinMs` naming what was awaited. */
export async function until<T>(what: string, condition: () => T | Promise<T>, withinMs = 10_000): Promise<NonNullable<T>> {
  for (const end = performance.now() + withinMs; ; await sleep(5)) {
    const value = await condition()
    if (value) return value
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`)
  }
}
