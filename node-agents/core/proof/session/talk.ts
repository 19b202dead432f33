import type { Command } from '../commands.ts'
import { checkLength, Malformed } from '../fault.ts'
import { HASH_BYTES } from '../merkle.ts'
import type { Random } from '../random.ts'
import type { Sizes } from '../sizes.ts'
import type { Message } from '../wire.ts'
import { words } from './words.ts'
import type { Committed, SessionResult } from './types.ts'

/** What a GPU is at; it goes through them in this order. Those with a comment wait for us, in the others something must come of it. */
export const STEPS = [
  'hello',
  /* greeted */ 'met',
  'prep',
  /* for the barrier */ 'ready',
  'chain',
  /* for the others */ 'tipped',
  'sweep',
  /* for the others */ 'swept',
  'roots',
  'root',
  /* for the others */ 'committed',
  'open',
  'done',
] as const
export type Step = (typeof STEPS)[number]

type Of<T extends Message['t']> = Extract<Message, { t: T }>
/** What one GPU says; all else is of the session. */
export type GpuMessage = Exclude<Message, { t: 'pong' | 'error' }>

/** Engines that it may say it does without, each twice. */
const MAX_WARNINGS = 16

/**
 * The talk with one GPU, from its greeting to its last opening: says what may come now, keeps what it commits to, and says what to
 * answer. Anything else that comes is malformed. It has no clock: times are told to it.
 */
export class GpuTalk {
  readonly gpu: number
  readonly #sizes: Sizes
  readonly #random: Random
  #step: Step = 'hello'
  #warnings = 0
  #claim: Omit<SessionResult['claims'][number], 'gpu'> | null = null
  /** When what it is at began, and how long that may take. */
  #sinceMs = 0
  #limitMs = Number.POSITIVE_INFINITY
  #chainMs: number | null = null
  #sweepMs: number | null = null
  #nonce: Uint8Array | null = null
  #tip: Uint8Array | null = null
  #swp: Uint8Array | null = null
  #roots: Uint8Array | null = null
  #swr: Uint8Array | null = null

  constructor(gpu: number, sizes: Sizes, random: Random) {
    this.gpu = gpu
    this.#sizes = sizes
    this.#random = random
  }

  get step(): Step {
    return this.#step
  }

  get dueMs(): number {
    return this.#sinceMs + this.#limitMs
  }

  /** What it is at may take so long. */
  get limitMs(): number {
    return this.#limitMs
  }

  /** Whether it has come as far as that. */
  isAt(step: Step): boolean {
    return STEPS.indexOf(this.#step) >= STEPS.indexOf(step)
  }

  /** It was told to begin this step now. */
  begin(step: Step, nowMs: number, limitMs: number): void {
    this.#step = step
    this.#sinceMs = nowMs
    this.#limitMs = limitMs
  }

  /**
   * @param atMs when it came
   * @throws Malformed when this may not come now
   */
  hear(message: GpuMessage, atMs: number): void {
    switch (message.t) {
      case 'hello':
        return this.#hello(message)
      case 'warn':
        return this.#warn()
      case 'ready':
        return this.#ready(message)
      case 'tip':
        return this.#tipped(message, atMs)
      case 'swp':
        return this.#swept(message, atMs)
      case 'roots':
        return this.#rooted(message)
      case 'swr':
        return this.#finished(message)
      case 'o':
        return this.#go('o', 'open', 'open')
      case 'done':
        return this.#go('done', 'open', 'done')
    }
  }

  /** It is told to sweep now. @returns what to send it at once */
  sweep(nowMs: number, limitMs: number): Command {
    this.begin('sweep', nowMs, limitMs)
    this.#nonce = this.#random.bytes(32)
    return { c: 'sweep', gpu: this.gpu, nonce: this.#nonce, sizes: this.#sizes }
  }

  claim(): SessionResult['claims'][number] | null {
    return this.#claim && { gpu: this.gpu, ...this.#claim }
  }

  /** Milliseconds from `go` to `tip` and from its `sweep` to `swp`, as they were; null: it did not get that far. */
  times(): { chainMs: number; sweepMs: number } | null {
    return this.#chainMs === null || this.#sweepMs === null ? null : { chainMs: this.#chainMs, sweepMs: this.#sweepMs }
  }

  /** Null until it has committed to everything. */
  committed(): Committed | null {
    const [nonce, tip, roots, swp, swr] = [this.#nonce, this.#tip, this.#roots, this.#swp, this.#swr]
    return nonce && tip && roots && swp && swr ? { gpu: this.gpu, nonce, transcript: { tip, roots, swp, swr } } : null
  }

  #hello({ name, mem, torch }: Of<'hello'>): void {
    this.#claim = { name: words(name), mem, torch: torch === null ? null : words(torch), engine: null }
    this.#go('hello', 'hello', 'met')
  }

  #warn(): void {
    if (++this.#warnings > MAX_WARNINGS) throw new Malformed(`more than ${MAX_WARNINGS} warnings`)
    this.#go('warn', 'prep', 'prep')
  }

  #ready({ engine }: Of<'ready'>): void {
    if (this.#claim) this.#claim.engine = words(engine)
    this.#go('ready', 'prep', 'ready')
  }

  #tipped({ h }: Of<'tip'>, atMs: number): void {
    this.#go('tip', 'chain', 'tipped')
    this.#tip = h
    this.#chainMs = this.#took('tip', atMs)
    this.#limitMs = Number.POSITIVE_INFINITY
  }

  #swept({ h }: Of<'swp'>, atMs: number): void {
    this.#go('swp', 'sweep', 'swept')
    this.#swp = h
    this.#sweepMs = this.#took('swp', atMs)
  }

  #rooted({ d }: Of<'roots'>): void {
    this.#go('roots', 'roots', 'root')
    checkLength(d, this.#sizes.K * HASH_BYTES, 'roots')
    this.#roots = d
  }

  #finished({ root }: Of<'swr'>): void {
    this.#go('swr', 'root', 'committed')
    this.#swr = root
  }

  /** What came in one piece with the line before it was there before we asked. */
  #took(said: string, atMs: number): number {
    if (atMs <= this.#sinceMs) throw new Malformed(`"${said}" came before it was asked for`)
    return atMs - this.#sinceMs
  }

  #go(said: string, from: Step, to: Step): void {
    if (this.#step !== from) throw new Malformed(`"${said}" came ${this.isAt(from) ? 'twice or too late' : 'too early'}`)
    this.#step = to
  }
}
