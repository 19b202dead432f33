import type { Block } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import { Mistake, reason } from '../../core/mistake.ts'
import type { Clock } from '../../core/ports.ts'
import { Trigger } from '../../core/trigger.ts'
import type { Progress, Store } from '../store/types.ts'
import { dueAt } from './due.ts'

/** Where blocks come from: the newest that can be worked with, and when there is another. */
export type Blocks = { now: () => Block | null; listen: (heard: () => void) => () => void }

export type JobDeps = { blocks: Blocks; store: Pick<Store, 'keepProgress'>; clock: Clock; log: Log }

export type JobSpec = {
  name: string
  /** Blocks from one run to the next. */
  every: number
  work: (block: Block, signal: AbortSignal) => Promise<void>
  /** Where it stood when the agent ended; null: it never ran. Left out: its progress is not kept, because it is due at every block. */
  kept?: Progress | null
  /** It has a result in memory alone, so that it is due at each start too. */
  atStart?: boolean
}

/** It cannot be done yet, and nothing is wrong: the next blocks are the next tries. */
export class NotYet extends Error {}

/** Work that is due every so many blocks. What fails is told once, kept as trouble and tried again; it ends nothing. */
export class Job {
  readonly name: string
  readonly every: number
  readonly #spec: JobSpec
  readonly #d: JobDeps
  /** Block it last ran at, whatever came of it. */
  last: number | null
  lastMs: number | null
  running = false
  trouble: string | null = null
  /** Told once, until it can be kept again. */
  #unkept = false
  #failures = 0
  #anew: boolean

  constructor(deps: JobDeps, spec: JobSpec) {
    this.#d = deps
    this.#spec = spec
    this.name = spec.name
    this.every = spec.every
    const good = spec.kept?.trouble === null ? spec.kept : null // one that failed is done again at once
    this.last = good?.block ?? null
    this.lastMs = good?.at ?? null
    this.#anew = spec.atStart === true
  }

  /** The block it is due at. */
  due(head: number): number {
    return this.#anew ? 0 : dueAt({ last: this.last, every: this.every, failures: this.#failures, head })
  }

  /** The block it is due at, as of the newest; null: at the next one. */
  get next(): number | null {
    const head = this.#d.blocks.now()?.number
    return (head === undefined ? 0 : this.due(head)) || null
  }

  /** Blocks it is behind its schedule; one that runs is behind by the blocks since it began. */
  get lag(): number {
    const head = this.#d.blocks.now()?.number ?? 0
    return this.next === null ? 0 : Math.max(0, head - this.next)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { blocks, clock } = this.#d
    const trigger = new Trigger(clock)
    const deaf = blocks.listen(() => trigger.kick())
    trigger.kick() // a block may have come before
    try {
      for (;;) {
        await trigger.next(signal)
        await this.#look(signal)
      }
    } finally {
      deaf()
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const block = this.#d.blocks.now()
    if (!block || block.number < this.due(block.number)) return
    this.running = true
    try {
      await this.#spec.work(block, signal)
      this.#went()
    } catch (error) {
      signal.throwIfAborted()
      this.#failed(error)
    } finally {
      this.running = false
    }
    this.#anew = false
    this.last = block.number
    this.lastMs = this.#d.clock.wallMs()
    if (this.#spec.kept !== undefined) await this.#keep({ job: this.name, block: block.number, at: this.lastMs, trouble: this.trouble })
  }

  #went(): void {
    if (this.trouble !== null) this.#d.log.info({ job: this.name }, `${this.name}: goes on`)
    this.trouble = null
    this.#failures = 0
  }

  #failed(error: unknown): void {
    const why = reason(error)
    const news = why !== this.trouble
    this.trouble = why
    this.#failures++
    const line = `${this.name}: ${why}; the next blocks are the next tries`
    if (!news || error instanceof NotYet) this.#d.log.debug({ job: this.name }, line)
    else if (error instanceof Mistake) this.#d.log.error({ job: this.name }, line)
    else this.#d.log.warn({ err: error, job: this.name }, line)
  }

  /** What cannot be kept is done again after a restart, and no sooner. */
  async #keep(progress: Progress): Promise<void> {
    try {
      await this.#d.store.keepProgress(progress)
      this.#unkept = false
    } catch (error) {
      if (!this.#unkept) this.#d.log.error({ err: error, job: this.name }, `${this.name}: its progress cannot be kept`)
      this.#unkept = true
    }
  }
}
