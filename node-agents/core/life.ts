import type { Log } from './log.ts'

/** A loop runs until its signal fires; returning or rejecting before that ends the whole agent. */
export type Loop = { name: string; run(signal: AbortSignal): Promise<void> }

/**
 * Runs loops side by side until the signal fires. The first that fails stops all; every failure is in the error thrown.
 * Loops that end because they were told to are no failure.
 */
export async function live(loops: Loop[], signal: AbortSignal, log: Log): Promise<void> {
  const stop = new AbortController()
  const until = AbortSignal.any([signal, stop.signal])
  const failures: unknown[] = []
  const watch = async ({ name, run }: Loop) => {
    try {
      await run(until)
      if (!until.aborted) throw new Error(`loop ${name} ended by itself`)
    } catch (error) {
      if (until.aborted && (isAbort(error) || error === until.reason)) return
      log.error({ err: error, loop: name }, 'a loop failed')
      failures.push(error)
    } finally {
      stop.abort()
    }
  }
  await Promise.all(loops.map(watch))
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1) throw new AggregateError(failures, 'several loops failed')
}

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}

/** Things to undo, last first, whatever happened in between. */
export class Cleanup {
  #undo: { name: string; run: () => unknown }[] = []

  defer(name: string, run: () => unknown): void {
    this.#undo.push({ name, run })
  }

  async run(log: Log): Promise<void> {
    for (const { name, run } of this.#undo.toReversed()) {
      try {
        await run()
      } catch (error) {
        log.error({ err: error, cleanup: name }, 'a cleanup failed')
      }
    }
    this.#undo = []
  }
}
