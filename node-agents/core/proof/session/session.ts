import { reason } from '../../mistake.ts'
import type { Clock } from '../../ports.ts'
import { type Command, commandLine } from '../commands.ts'
import { Malformed } from '../fault.ts'
import { lineLimit } from '../lines.ts'
import type { Random } from '../random.ts'
import { laneOpeningBytes, rowOpeningBytes } from '../sizes.ts'
import { judge, type Verdict } from '../verdict.ts'
import { Verifier } from '../verify.ts'
import { readMessage } from '../wire.ts'
import { commitment } from './commitment.ts'
import { Crew } from './crew.ts'
import { Deadline } from './deadline.ts'
import { Ears } from './ears.ts'
import { Failure } from './failure.ts'
import { chunkLimit, HELLO_MS, openLimitMs, PING_MS, PINGS, PREP_MS, rootsLimitMs, SESSION_MS, timedLimitMs, totalLimit } from './limits.ts'
import { Pings } from './pings.ts'
import { resultOf } from './result.ts'
import type { GpuMessage, Step } from './talk.ts'
import type { Committed, Hooks, Phase, Pipe, SessionResult, Task } from './types.ts'
import { words } from './words.ts'

export type Means = { clock: Clock; random: Random }

/**
 * One session with the script of one machine. `run` goes through the phases and waits for each; what comes is handled line by line as it
 * comes, in `#heard`. Whatever goes wrong, wherever it is noticed, ends up in `#fail`, and from there in the one who waits.
 */
export class Session {
  readonly #pipe: Pipe
  readonly #task: Task
  readonly #hooks: Hooks
  readonly #clock: Clock
  readonly #random: Random
  readonly #ears: Ears
  /** For one opening. */
  readonly #room: Buffer
  readonly #crew: Crew
  readonly #pings = new Pings()
  readonly #deadline: Deadline
  readonly #endsMs: number
  readonly #failed = Promise.withResolvers<never>()
  #phase: Phase = 'hello'
  #failedAt: Phase | null = null
  #goMs: number | null = null
  #seed: Uint8Array | null = null
  #committed: Committed[] = []
  #verifier: Verifier | null = null
  #atMs = 0
  #isOver = false
  #out = 0

  constructor(pipe: Pipe, task: Task, hooks: Hooks, { clock, random }: Means) {
    const { gpus, sizes } = task
    this.#pipe = pipe
    this.#task = task
    this.#hooks = hooks
    this.#clock = clock
    this.#random = random
    const total = totalLimit(sizes, gpus)
    this.#ears = new Ears(pipe, { line: lineLimit(sizes), total, chunks: chunkLimit(total) })
    this.#room = Buffer.alloc(Math.max(rowOpeningBytes(sizes), laneOpeningBytes(sizes)))
    this.#crew = new Crew(gpus, sizes, random)
    this.#deadline = new Deadline(clock, () => this.#fail(this.#late()))
    this.#endsMs = clock.monotonicMs() + SESSION_MS
    // Somebody waits for it only while there is something to wait for.
    this.#failed.promise.catch(() => undefined)
  }

  /** @throws what a hook rejects with, and the reason of the signal */
  async run(signal: AbortSignal): Promise<SessionResult> {
    const stop = () => this.#fail(signal.reason)
    signal.throwIfAborted()
    signal.addEventListener('abort', stop, { once: true })
    void this.#listen()
    try {
      await this.#converse()
      this.#send({ c: 'quit' })
      return this.#result(null)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      return this.#result(error)
    } finally {
      this.#isOver = true
      this.#deadline.clear()
      signal.removeEventListener('abort', stop)
      this.#pipe.close()
    }
  }

  /** All phases, each awaited; returns when the verdict is certain. */
  async #converse(): Promise<void> {
    await this.#all('hello', 'hello', 'met', HELLO_MS)
    await this.#measureWay()
    this.#send({ c: 'prep', sizes: this.#task.sizes })
    await this.#all('prep', 'prep', 'ready', PREP_MS)
    const seed = await this.#ask('wait', this.#hooks.go)
    await this.#timed(seed)
    for (const { gpu } of this.#crew.talks) this.#send({ c: 'roots', gpu })
    await this.#all('roots', 'roots', 'committed', rootsLimitMs(this.#task.sizes, this.#task.gpus))
    await this.#open(seed)
  }

  async #measureWay(): Promise<void> {
    this.#phase = 'ping'
    this.#limit(this.#now() + PING_MS)
    for (let i = 0; i < PINGS; i++) {
      const nonce = this.#random.bytes(8)
      const pong = this.#pings.sent(nonce, this.#now())
      this.#send({ c: 'ping', nonce })
      await this.#unlessFailed(pong)
    }
  }

  /** Chain and sweep: all begin each of them together, and the clock of each runs by itself. */
  async #timed(seed: Uint8Array): Promise<void> {
    if (seed.length !== 32) throw new RangeError(`a seed of ${seed.length} bytes instead of 32`)
    this.#seed = seed
    // Before it is sent: what sending takes counts against the host, never for it.
    this.#goMs = this.#now()
    const done = this.#all('chain', 'chain', 'swept', timedLimitMs(this.#task.chainMs, this.#pings.rttMs ?? 0), this.#goMs)
    this.#send({ c: 'go', seed }, this.#goMs)
    await done
  }

  async #open(seed: Uint8Array): Promise<void> {
    const { sizes, gpus } = this.#task
    this.#committed = this.#crew.committed()
    const digest = commitment(sizes, seed, this.#committed)
    await this.#ask('roots', (signal) => this.#hooks.committed(digest, signal))
    const verifier = new Verifier({ sizes, seed }, gpus, this.#random)
    this.#verifier = verifier
    const done = this.#all('open', 'open', 'done', openLimitMs(sizes, gpus))
    for (const { gpu, nonce, transcript } of this.#committed) {
      const request = verifier.commit(gpu, nonce, transcript)
      if (this.#isDecided()) return
      if (request) this.#send({ c: 'open', gpu, request })
    }
    await done
  }

  /** Until all GPUs have come from one step to another. Begins at once: may be called before what makes them move is sent. */
  #all(phase: Phase, from: Step, to: Step, limitMs: number, nowMs = this.#now()): Promise<void> {
    this.#phase = phase
    const reached = this.#crew.go(from, to, nowMs, limitMs)
    this.#limitCrew()
    return this.#unlessFailed(reached)
  }

  /** Waits for a hook, and watches the connection meanwhile. */
  async #ask<T>(phase: Phase, hook: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#phase = phase
    this.#limit(this.#endsMs)
    await this.#unlessFailed(Promise.resolve())
    const stop = new AbortController()
    try {
      return await this.#unlessFailed(hook(stop.signal))
    } catch (error) {
      stop.abort(error)
      throw error
    }
  }

  #unlessFailed<T>(work: Promise<T>): Promise<T> {
    // A failure that is there already comes first.
    const first = Promise.race([this.#failed.promise, work])
    // Who began it may be gone by the time it fails.
    first.catch(() => undefined)
    return first
  }

  async #listen(): Promise<void> {
    const arrived = () => {
      this.#atMs = this.#now()
      if (this.#deadline.isPast()) throw this.#late()
    }
    try {
      await this.#ears.listen(
        arrived,
        (line) => this.#heard(line),
        () => this.#isOver,
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #heard(line: string): void {
    const message = readMessage(line, this.#room)
    if (this.#goMs !== null) this.#hooks.heard?.({ from: 'host', atMs: this.#atMs - this.#goMs, line })
    if (message.t === 'pong') return this.#pings.pong(message.n, this.#atMs)
    if (message.t === 'error') {
      const who = message.g === undefined ? 'the script' : `GPU ${message.g}`
      throw new Failure('refused', `${who} says: ${words(message.m)}`, message.g ?? null)
    }
    this.#ofGpu(message)
  }

  #ofGpu(message: GpuMessage): void {
    const talk = this.#crew.of(message)
    try {
      talk.hear(message, this.#atMs)
      if (message.t === 'tip') this.#sweep()
      if (message.t === 'o') this.#verifier?.take(message.g, message.k, message.d)
      if (message.t === 'done') this.#verifier?.done(message.g)
    } catch (error) {
      throw error instanceof Malformed ? new Failure('malformed', `GPU ${message.g}: ${words(error.message)}`, message.g, error) : error
    }
    this.#advance()
  }

  /** Once all have their states, all sweep at the same moment: whoever is done before another begins could give that one his memory. */
  #sweep(): void {
    const { talks } = this.#crew
    if (!talks.every((talk) => talk.isAt('tipped'))) return
    for (const talk of talks) {
      const now = this.#now()
      this.#send(talk.sweep(now, timedLimitMs(this.#task.sweepMs, this.#pings.rttMs ?? 0)), now)
    }
  }

  /** After every line of a GPU: is the verdict certain, or the phase over, and until when may the next one take? */
  #advance(): void {
    if (this.#phase === 'open' && this.#isDecided()) this.#crew.arrive()
    this.#crew.look()
    if (this.#phase === 'open' && !this.#crew.slowest()) this.#isOver = true
    this.#limitCrew()
  }

  /** Whether nothing that may still come can better the verdict. @throws Failure when it is not even one */
  #isDecided(): boolean {
    const { result, text } = this.#verdict(null)
    if (result === 'malformed') throw new Failure('malformed', words(text))
    return result === 'mismatch'
  }

  #verdict(failure: Failure | null): Verdict {
    const fault = failure?.ended === 'malformed' ? failure : null
    if (fault) this.#verifier?.malformed(fault.gpu, fault)
    const none = this.#crew.talks.map(({ gpu }) => ({ gpu, result: 'unfinished', checked: 0, asked: 0 }) as const)
    return this.#verifier?.verdict() ?? judge(none, fault?.message ?? null)
  }

  #limitCrew(): void {
    this.#limit(this.#crew.slowest()?.dueMs ?? this.#endsMs)
  }

  #limit(atMs: number): void {
    this.#deadline.set(Math.min(atMs, this.#endsMs))
  }

  #late(): Failure {
    const talk = this.#crew.slowest()
    if (!talk) return new Failure('timeout', this.#phase === 'ping' ? 'no pong in time' : `the session took longer than ${SESSION_MS / 1000} s`)
    return new Failure('timeout', `GPU ${talk.gpu} was not done after ${(talk.limitMs / 1000).toFixed(1)} s`, talk.gpu)
  }

  #send(command: Command, nowMs = this.#now()): void {
    const line = commandLine(command)
    this.#out += line.length
    if (this.#goMs !== null && command.c !== 'quit') this.#hooks.heard?.({ from: 'us', atMs: nowMs - this.#goMs, line: line.trimEnd() })
    this.#pipe.write(line).catch((error: unknown) => this.#fail(new Failure('broken', `the connection broke: ${words(reason(error))}`, null, error)))
  }

  #fail(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failedAt = this.#phase
    this.#failed.reject(error)
  }

  #now(): number {
    return this.#clock.monotonicMs()
  }

  #result(failure: Failure | null): SessionResult {
    return resultOf({
      failure,
      verdict: this.#verdict(failure),
      phase: this.#failedAt ?? this.#phase,
      talks: this.#crew.talks,
      seed: this.#seed,
      committed: this.#committed,
      rttMs: this.#pings.rttMs,
      bytes: { in: this.#ears.bytes, out: this.#out },
    })
  }
}
