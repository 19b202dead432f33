import { chainByte, freshColumn } from './chain.ts'
import { Malformed } from './fault.ts'
import type { Freivalds } from './freivalds.ts'
import { brokenRow, isLane, parseLaneOpening, parseRowOpening, unsigned } from './opening.ts'
import { gseed, key, prfEntry, prfRow } from './prf.ts'
import { type Due, dueOpenings, type LaneDue, type OpenRequest, openRequest, type RowDue } from './request.ts'
import type { ChainCheck, Sample, SweepCheck } from './sample.ts'
import type { Sizes } from './sizes.ts'
import { freshRow, sweepByte } from './sweep.ts'
import { checkTranscript, rootOf, type Transcript, unkept } from './transcript.ts'
import type { Check, GpuVerdict, Place } from './verdict.ts'

/** What a validator sends to all GPUs of one machine. Each gets a nonce of its own besides, for its sweep. */
export type Challenge = { sizes: Sizes; /** 32 bytes. */ seed: Uint8Array }

type Failure = { check: Check; at: Place } | null

/**
 * The openings of one GPU, checked one by one as they come and then forgotten: of a pair only the byte that must come next is kept, of a
 * sweep step its r rows until the lane they belong to. What comes after the first failure is not looked at.
 */
export class GpuCheck {
  /** What to ask this GPU for. */
  readonly request: OpenRequest
  readonly #gpu: number
  readonly #challenge: Challenge
  readonly #nonce: Uint8Array
  readonly #transcript: Transcript
  readonly #freivalds: Freivalds
  readonly #sample: Sample
  readonly #due: Due[]
  readonly #terms = new Map<SweepCheck, Int8Array[]>()
  readonly #scratch: Int8Array
  #next = 0
  /** The byte that the second opening of a pair must show. */
  #awaited = 0
  #failed: GpuVerdict | null = null

  /** @throws Malformed when the transcript is not one of these sizes */
  constructor(gpu: number, challenge: Challenge, nonce: Uint8Array, transcript: Transcript, sample: Sample, freivalds: Freivalds) {
    checkTranscript(transcript, challenge.sizes)
    this.#gpu = gpu
    this.#challenge = challenge
    this.#nonce = nonce
    this.#transcript = transcript
    this.#freivalds = freivalds
    this.#sample = sample
    this.#due = dueOpenings(sample, challenge.sizes)
    this.#scratch = new Int8Array(challenge.sizes.n)
    this.request = openRequest(this.#due)
    const broken = unkept(transcript)
    if (broken) this.#mismatch({ check: broken, at: broken === 'tip' ? { state: challenge.sizes.K } : { step: challenge.sizes.Q, lane: 0 } })
  }

  /** The k-th opening, from 0 on in the order of the request. */
  take(k: number, bytes: Uint8Array): void {
    if (this.#failed) return
    const due = this.#due[this.#next]
    if (!due || k !== this.#next) return this.malformed(due ? `opening ${k} came when ${this.#next} was due` : `opening ${k} came after the last`)
    this.#next++
    try {
      this.#mismatch('state' in due ? this.#row(due, bytes) : this.#lane(due, bytes))
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.malformed(`opening ${k}: ${error.message}`)
    }
  }

  /** It said that these were all. */
  done(): void {
    if (this.#next < this.#due.length) this.malformed(`done after ${this.#next} of ${this.#due.length} openings`)
  }

  /** What came for this GPU is no message of the protocol. */
  malformed(reason: string): void {
    this.#failed ??= { gpu: this.#gpu, result: 'malformed', reason }
  }

  verdict(): GpuVerdict {
    if (this.#failed) return this.#failed
    const [checked, asked] = [this.#next, this.#due.length]
    if (checked < asked) return { gpu: this.#gpu, result: 'unfinished', checked, asked }
    return { gpu: this.#gpu, result: 'passed', chain: this.#sample.chain.length, sweep: this.#sample.sweep.length }
  }

  #mismatch(failure: Failure): void {
    if (!failure) return
    this.#failed ??= { gpu: this.#gpu, result: 'mismatch', mismatch: { gpu: this.#gpu, ...failure } }
    this.#terms.clear()
  }

  #row(due: RowDue, bytes: Uint8Array): Failure {
    const { sizes } = this.#challenge
    const { state, row } = due
    const opening = parseRowOpening(bytes, sizes)
    const broken = brokenRow(opening, row, rootOf(this.#transcript, state), sizes, this.#freivalds)
    if (broken) return { check: broken, at: { state, row } }
    if (due.as === 'term') this.#keep(due.check, opening.row)
    else if (due.as === 'before') this.#awaited = this.#chained(due.check, opening.row)
    else {
      if (due.check.t === 0) this.#awaited = this.#chained(due.check, this.#made('S', due.check.i))
      if (opening.row[due.check.i] !== this.#awaited) return { check: 'chain', at: { state, row, column: due.check.i } }
    }
    return null
  }

  #lane(due: LaneDue, bytes: Uint8Array): Failure {
    const { sizes } = this.#challenge
    const { step, lane, check } = due
    const opening = parseLaneOpening(bytes, sizes)
    if (!isLane(opening, step, lane, this.#transcript.swr, sizes)) return { check: 'lane', at: { step, lane } }
    if (due.as === 'from') {
      if (step === 0 && !isSame(opening.row, this.#made('U', lane))) return { check: 'start', at: { step, lane } }
      const fresh = prfEntry(key('U', gseed(this.#nonce, this.#gpu)), freshRow(step + 1, lane, sizes), check.i, sizes.n)
      this.#awaited = sweepByte(opening.row, this.#terms.get(check) ?? [], fresh)
      this.#terms.delete(check)
      return null
    }
    return opening.row[check.i] === this.#awaited ? null : { check: 'sweep', at: { step, lane, column: check.i } }
  }

  #keep(check: SweepCheck, row: Int8Array): void {
    // A copy: the row is a view of all that came with it.
    this.#terms.set(check, [...(this.#terms.get(check) ?? []), row.slice()])
  }

  #chained({ t, a, i }: ChainCheck, before: Int8Array): number {
    const { sizes, seed } = this.#challenge
    const own = gseed(seed, this.#gpu)
    const fresh = prfEntry(key('S', own), a, freshColumn(t, i, sizes), sizes.n)
    return chainByte(prfRow(key('W', own), a, this.#scratch), before, fresh)
  }

  /** A row of what no GPU has a say in: the first state, the first rows of the sweep. */
  #made(tag: 'S' | 'U', row: number): Int8Array {
    const seed = tag === 'S' ? this.#challenge.seed : this.#nonce
    return prfRow(key(tag, gseed(seed, this.#gpu)), row, new Int8Array(this.#challenge.sizes.n))
  }
}

const isSame = (a: Int8Array, b: Int8Array): boolean => Buffer.compare(unsigned(a), unsigned(b)) === 0
