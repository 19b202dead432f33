import type { Engine } from './client.ts'
import { textOf } from './errors.ts'

/** Not one of the labels that make a container somebody's: nobody counts what is there for a moment. */
export const PROBE_LABEL = 'compute-probe'

/** What engines say that cannot. */
const NO_QUOTA = /storage-opt|storage opt|unknown option|quota/i

/**
 * Whether the engine bounds what a container writes: found out by creating one, never started, with a bound. What it once said
 * stays said: it takes another disk to change it.
 */
export class Quota {
  readonly #engine: Engine
  #kept: boolean | null = null

  constructor(engine: Engine) {
    this.#engine = engine
  }

  get kept(): boolean {
    return this.#kept === true
  }

  /** Without any image there is nothing to try with, and the next look tries again. @throws DriverError */
  async look(signal?: AbortSignal): Promise<boolean> {
    const image = this.#kept === null ? await this.#engine.anyImage(signal) : null
    if (image !== null) this.#kept = await this.#try(image)
    return this.kept
  }

  async #try(image: string): Promise<boolean | null> {
    try {
      const id = await this.#engine.create({ Image: image, Cmd: ['true'], Labels: { [PROBE_LABEL]: 'quota' }, HostConfig: { StorageOpt: { size: '1G' } } })
      if (id !== null) await this.#engine.remove(id)
      return true
    } catch (error) {
      if (NO_QUOTA.test(textOf(error))) return false
      throw error
    }
  }
}
