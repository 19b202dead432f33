import { Mistake, reason } from '../../node-agents/core/mistake.ts'

export type Say = (line: string) => void

/** Times each step and says it; a failure carries the step's name. */
export class Steps {
  readonly ms: Record<string, number> = {}
  readonly #say: Say

  constructor(say: Say) {
    this.#say = say
  }

  async run<T>(name: string, work: () => Promise<T>, text: (result: T) => string): Promise<T> {
    const startedAt = performance.now()
    try {
      const result = await work()
      this.ms[name] = Math.round(performance.now() - startedAt)
      this.#say(`${name.padEnd(9)} ${String(this.ms[name]).padStart(6)} ms  ${text(result)}`)
      return result
    } catch (error) {
      throw new Mistake(`${name} failed after ${Math.round(performance.now() - startedAt)} ms: ${reason(error)}`, error)
    }
  }
}
