import { setTimeout as sleep } from 'node:timers/promises'
import { isOurs } from '../../local/box/processes.ts'
import { type BoxRecord, folders, readRecord } from '../../local/box/record.ts'

/** Far shorter than a box takes to start. */
const LOOK_MS = 10

type Host = Pick<BoxRecord, 'token'> & { allocation: string; pid: number }

/** Watches the boxes under a root from outside: every SSH server that ever ran for one. */
export class BoxWatch {
  readonly #root: string
  readonly #hosts = new Map<number, Host>()
  readonly #end = new AbortController()
  readonly #loop: Promise<void>

  constructor(root: string) {
    this.#root = root
    this.#loop = this.#watch()
  }

  /** How many SSH servers ran for it, one after the other. */
  starts(allocation: string): number {
    return [...this.#hosts.values()].filter((h) => h.allocation === allocation).length
  }

  /** SSH servers that run and belong to no box there is. */
  async strays(): Promise<string[]> {
    const known = new Set((await this.#records()).map((r) => r.pid))
    const others = [...this.#hosts.values()].filter((h) => !known.has(h.pid))
    const alive = await Promise.all(others.map(async (h) => ((await isOurs(h.pid, h.token)) ? [`process ${h.pid} of ${h.allocation}`] : [])))
    return alive.flat()
  }

  async close(): Promise<void> {
    this.#end.abort()
    await this.#loop
  }

  async #records(): Promise<BoxRecord[]> {
    const found = await Promise.all((await folders(this.#root)).map((folder) => readRecord(folder).catch(() => null)))
    return found.filter((r) => r !== null)
  }

  async #watch(): Promise<void> {
    while (!this.#end.signal.aborted) {
      for (const { pid, token, identity } of await this.#records()) if (pid !== null) this.#hosts.set(pid, { pid, token, allocation: identity.allocation })
      await sleep(LOOK_MS, undefined, { signal: this.#end.signal }).catch(() => undefined)
    }
  }
}
