/** Times of liveness by their names in schema/protocol.ts, in milliseconds. */
export type Times = Partial<Record<'suspectMs' | 'unreachableMs' | 'graceMs' | 'watchMs', number>>

/** Liveness in seconds instead of minutes; long enough between two looks for a slow machine. */
const QUICK: Times = { suspectMs: 1500, unreachableMs: 3000, graceMs: 500, watchMs: 400 }

/** Changes the times of liveness in the built Worker, so that no test waits for minutes. */
export function quick(times: Times = {}): (script: string) => string {
  return (script) =>
    script.replace(/(var LIVENESS = )(\{[^}]*\})/, (_, head: string, object: string) => {
      const all = Object.entries({ ...QUICK, ...times }).reduce(
        (text, [name, ms]) => replaceOnce(text, new RegExp(`${name}: [0-9e]+`), `${name}: ${ms}`),
        object,
      )
      return head + all
    })
}

/** Replaces in a built script; throws when there is nothing to replace. */
export function replaceOnce(script: string, what: string | RegExp, by: string): string {
  const changed = script.replace(what, by)
  if (changed === script) throw new Error(`the Worker has no ${String(what)}`)
  return changed
}
