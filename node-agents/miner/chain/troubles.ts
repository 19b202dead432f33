import { ChainError } from '../../core/chain/errors.ts'
import type { Log } from '../../core/log.ts'
import { Mistake, reason } from '../../core/mistake.ts'

/** What goes wrong now, by what it keeps from being done. Each is logged once, until it is another one or over. */
export class Troubles {
  readonly #now = new Map<string, { code: string; message: string }>()
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  /** @param what such as "the axon cannot be announced" */
  met(what: string, error: unknown): void {
    const message = reason(error)
    const code = error instanceof ChainError ? error.code : message
    const told = this.#now.get(what)?.code === code
    this.#now.set(what, { code, message })
    if (told) return
    const line = `${what}: ${message}. Rentals go on`
    if (error instanceof ChainError || error instanceof Mistake) this.#log.warn({ code }, line)
    else this.#log.error({ err: error }, line) // nobody foresaw it: its stack is worth something
  }

  over(what: string): void {
    if (this.#now.delete(what)) this.#log.info(`over: ${what}`)
  }

  get lines(): string[] {
    return [...this.#now].map(([what, { message }]) => `${what}: ${message}`)
  }
}
