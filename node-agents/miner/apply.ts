import { rest } from '../core/clock.ts'
import type { Container } from '../core/ports.ts'
import { awaitBanner } from './banner.ts'
import type { InFlight, Step } from './diff.ts'
import { make } from './make.ts'
import { candidatePorts } from './ports-range.ts'
import { toFailure, type Tools, welcome } from './tools.ts'

const PORTS_TRIED = 32
/** A step that failed is not tried again sooner. */
const COOLDOWN_MS = 5000
const ADOPT_MS = 30_000

type Job = { is: InFlight; abort: AbortController; done: Promise<void> }
type Working = Exclude<Step, { kind: 'cancel' | 'fail' }>

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
      this.#t.log.info({ step: step.kind, ...describe(step) }, 'step')
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
    try {
      await this.#do(step, signal)
    } catch (error) {
      await this.#failed(step, error, signal)
    } finally {
      this.#t.book.write({ allocation, incarnation }, { phase: null, progress: null })
      this.#jobs.delete(allocation)
      this.#onDone()
    }
  }

  #do(step: Working, signal: AbortSignal): Promise<void> {
    if (step.kind === 'run') return make(this.#t, step.entry, this.#freePorts(), signal)
    if (step.kind === 'remove') return this.#removeIt(step)
    if (step.kind === 'start') return this.#startIt(step.container)
    return this.#adopt(step.container, signal)
  }

  async #removeIt({ container, again }: Extract<Step, { kind: 'remove' }>): Promise<void> {
    await this.#t.driver.remove(this.#t.owner, container)
    this.#t.sight.drop(container)
    if (again) await this.#t.memory.forget(container)
    else await this.#t.memory.ended(container, this.#t.memory.failureOf(container))
  }

  async #startIt(container: Container): Promise<void> {
    await this.#t.driver.start(this.#t.owner, container)
    this.#t.book.restarted(container, this.#t.clock.monotonicMs())
    this.#t.sight.put({ ...container, state: 'running', exitCode: null })
  }

  /** A container that runs from before: it is ready when its SSH server answers, and until then nothing is taken from it. */
  async #adopt(container: Container, signal: AbortSignal): Promise<void> {
    const { clock, probeHost, memory, book } = this.#t
    const alive = () => this.#t.sight.get(container)?.state === 'running'
    if (await awaitBanner(clock, { host: probeHost, port: container.port, withinMs: ADOPT_MS, alive }, signal)) {
      if (!memory.isMade(container)) await memory.made(container)
      welcome(this.#t, container)
    } else if (alive()) {
      book.write(container, { failure: { code: 'not_answering', message: 'the container runs, but no SSH server answers in it' } })
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
    book.write(subject, { failure })
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

function subjectOf(step: Exclude<Step, { kind: 'cancel' }>): { allocation: string; incarnation: number } {
  if (step.kind === 'run' || step.kind === 'fail') return { allocation: step.entry.id, incarnation: step.entry.incarnation }
  return { allocation: step.container.allocation, incarnation: step.container.incarnation }
}

function describe(step: Step): Record<string, unknown> {
  if (step.kind === 'cancel') return { allocation: step.allocation, incarnation: step.incarnation }
  const trace = step.kind === 'run' || step.kind === 'fail' ? step.entry.trace : step.container.trace
  const why = step.kind === 'remove' ? step.why : step.kind === 'fail' ? step.failure.code : undefined
  return { ...subjectOf(step), trace, ...(why && { why }) }
}
