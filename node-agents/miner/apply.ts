import { rest } from '../core/clock.ts'
import { adopt, freeze, rekey, removeIt, restart, startAgain, thaw } from './acts.ts'
import type { InFlight, Step, Working } from './diff.ts'
import { make } from './make.ts'
import { candidatePorts } from './ports-range.ts'
import { toFailure, type Tools } from './tools.ts'

const PORTS_TRIED = 32
/** A step that failed is not tried again sooner. */
const COOLDOWN_MS = 5000

type Job = { is: InFlight; abort: AbortController; done: Promise<void> }

/** The hands: one worker per allocation, all of them side by side. `diff` decides, this only does. */
export class Workers {
  readonly #t: Tools
  readonly #jobs = new Map<string, Job>()
  readonly #onDone: () => void
  readonly #signal: AbortSignal
  /** @param onDone called when a worker ended, so that the next decision can be made */
  constructor(tools: Tools, onDone: () => void, signal: AbortSignal) {
    this.#t = tools
    this.#onDone = onDone
    this.#signal = signal
  }

  get inFlight(): InFlight[] {
    return [...this.#jobs.values()].map((j) => j.is)
  }

  /** Resolves when every worker ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#jobs.values()].map((j) => j.done))
  }

  apply(steps: Step[]): void {
    for (const step of steps) {
      this.#t.log[step.kind === 'remove' && step.why === 'unexplained' ? 'warn' : 'info']({ step: step.kind, ...describe(step) }, 'step')
      if (step.kind === 'cancel') this.#cancel(step.allocation)
      else if (step.kind === 'fail') void this.#remember(this.#t.memory.ended(subjectOf(step), step.failure))
      else this.#begin(step)
    }
  }

  #cancel(allocation: string): void {
    const job = this.#jobs.get(allocation)
    if (!job) return
    job.is.cancelled = true
    job.abort.abort()
  }

  #begin(step: Working): void {
    const subject = subjectOf(step)
    const gpus = step.kind === 'run' ? step.entry.gpus : step.container.gpus
    const abort = new AbortController()
    const job: Job = { is: { ...subject, kind: step.kind, gpus, cancelled: false }, abort, done: Promise.resolve() }
    this.#jobs.set(subject.allocation, job)
    job.done = this.#work(step, job, AbortSignal.any([this.#signal, abort.signal]))
  }

  async #work(step: Working, job: Job, signal: AbortSignal): Promise<void> {
    const { allocation, incarnation } = job.is
    const begun = this.#t.clock.monotonicMs()
    const ended = (outcome: 'done' | 'failed' | 'given up') =>
      this.#t.onStep?.({ kind: step.kind, outcome, seconds: (this.#t.clock.monotonicMs() - begun) / 1000 })
    try {
      await this.#do(step, signal)
      ended('done')
    } catch (error) {
      ended(signal.aborted ? 'given up' : 'failed')
      await this.#failed(step, error, signal)
    } finally {
      this.#t.book.write({ allocation, incarnation }, { phase: null, progress: null })
      this.#jobs.delete(allocation)
      this.#onDone()
    }
  }

  #do(step: Working, signal: AbortSignal): Promise<void> {
    switch (step.kind) {
      case 'run':
        return make(this.#t, step.entry, this.#freePorts(), signal)
      case 'remove':
        return removeIt(this.#t, step.container, step.again)
      case 'start':
        return startAgain(this.#t, step.container)
      case 'adopt':
        return adopt(this.#t, step.container, step.entry, signal)
      case 'pause':
        return freeze(this.#t, step.container)
      case 'unpause':
        return thaw(this.#t, step.container)
      case 'restart':
        return restart(this.#t, step.container, step.entry, signal)
      case 'rekey':
        return rekey(this.#t, step.container, step.entry)
    }
  }

  /** A failed run ends its incarnation. Every other failure leaves the container as it is, and the step is tried again later. */
  async #failed(step: Working, error: unknown, signal: AbortSignal): Promise<void> {
    const { log, book, memory, clock } = this.#t
    if (this.#signal.aborted) return
    const subject = subjectOf(step)
    if (step.kind !== 'adopt') this.#t.sight.doubt(subject)
    if (signal.aborted) return step.kind === 'run' ? this.#remember(memory.ended(subject, null)) : undefined
    const failure = toFailure(error)
    const said = failure.code === 'init_failed' ? {} : { err: error } // the output of a tenant's command may show its variables
    log.warn({ step: step.kind, ...describe(step), code: failure.code, ...said }, 'step failed')
    if (step.kind === 'run') return this.#remember(memory.ended(subject, failure))
    book.write(subject, { failure, phase: null, progress: null })
    this.#t.changed()
    await rest(clock, COOLDOWN_MS, signal)
  }

  /** Memory counts at once; only its way to the disk can fail, and then a restart may try again what failed here. */
  async #remember(written: Promise<void>): Promise<void> {
    try {
      await written
    } catch (error) {
      this.#t.log.error({ err: error }, 'the state directory cannot be written')
    }
    this.#t.changed()
  }

  /** Ports no container of ours has. An exited one keeps its port: it may be started again. */
  #freePorts(): number[] {
    const { ports, sight } = this.#t
    const taken = new Set((sight.containers ?? []).map((c) => c.port))
    return candidatePorts(ports, taken, PORTS_TRIED, Math.floor(Math.random() * (ports.last - ports.first + 1)))
  }
}

/** Which container a step is about. */
export function subjectOf(step: Step): { allocation: string; incarnation: number } {
  if (step.kind === 'cancel') return { allocation: step.allocation, incarnation: step.incarnation }
  if (step.kind === 'run' || step.kind === 'fail') return { allocation: step.entry.id, incarnation: step.entry.incarnation }
  return { allocation: step.container.allocation, incarnation: step.container.incarnation }
}

function describe(step: Step): Record<string, unknown> {
  if (step.kind === 'cancel') return subjectOf(step)
  const trace = step.kind === 'run' || step.kind === 'fail' ? step.entry.trace : step.container.trace
  const why = step.kind === 'remove' ? step.why : step.kind === 'fail' ? step.failure.code : undefined
  return { ...subjectOf(step), trace, ...(why && { why }) }
}
