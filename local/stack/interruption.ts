/** Told to stop by a signal: not a failure of anything. */
export class Interrupted extends Error {}

/** Under npm one Ctrl-C arrives twice: from the terminal, and forwarded by npm. */
const SAME_MS = 500

/** Ctrl-C and its relatives: the first asks to stop in order, the second ends everything at once. */
export class Interruption {
  /** Rejects with `Interrupted` at the first signal. */
  readonly first: Promise<never>
  /** Called at the second one, before this process ends. */
  kill: () => void = () => undefined

  constructor(say: (line: string) => void) {
    this.first = new Promise((_, reject) => {
      let firstAt: number | null = null
      const onSignal = (signal: NodeJS.Signals) => {
        if (firstAt !== null) {
          if (performance.now() - firstAt < SAME_MS) return
          this.kill()
          process.exit(130)
        }
        firstAt = performance.now()
        say(`\n${signal}: stopping; once more to stop at once`)
        reject(new Interrupted(signal))
      }
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
    })
    this.first.catch(() => undefined) // it may come when nobody waits for it
  }
}
