import { reason } from '../mistake.ts'
import { Malformed } from './fault.ts'
import { Freivalds } from './freivalds.ts'
import { type Challenge, GpuCheck } from './gpu.ts'
import { cryptoRandom, type Random } from './random.ts'
import type { OpenRequest } from './request.ts'
import { checksPerGpu, drawSample, type Sample } from './sample.ts'
import { checkSizes, type Sizes } from './sizes.ts'
import type { Transcript } from './transcript.ts'
import { type GpuVerdict, judge, type Verdict } from './verdict.ts'

/** Most that a verifier keeps of one machine, in bytes. */
export const KEEP_LIMIT = 16 * 2 ** 20

/**
 * Verifies the transcripts of all GPUs of one machine while they come. Pure: it has no clock and reads nothing; who drives it hands in
 * what came, and asks for the verdict when all came or time is up.
 */
export class Verifier {
  readonly #challenge: Challenge
  readonly #gpus: number
  readonly #random: Random
  readonly #freivalds: Freivalds
  readonly #checks = new Map<number, GpuCheck>()
  readonly #rejected = new Map<number, GpuVerdict>()
  #fault: string | null = null

  /**
   * @param gpus how many there are; they are numbered from 0
   * @throws RangeError for sizes that cannot be checked exactly, or not within KEEP_LIMIT
   */
  constructor(challenge: Challenge, gpus: number, random: Random = cryptoRandom) {
    const { sizes, seed } = challenge
    checkSizes(sizes)
    if (seed.length !== 32) throw new RangeError('a seed has 32 bytes')
    if (!(Number.isInteger(gpus) && gpus >= 1)) throw new RangeError(`${gpus} GPUs`)
    const kept = keptBytes(sizes, gpus)
    if (kept > KEEP_LIMIT) throw new RangeError(`${gpus} GPUs in these sizes make a verifier keep ${kept} bytes, more than ${KEEP_LIMIT}`)
    this.#challenge = challenge
    this.#gpus = gpus
    this.#random = random
    this.#freivalds = new Freivalds(seed, sizes, random)
  }

  /**
   * Takes what a GPU committed to, and only then draws what to ask it.
   * @param nonce 32 bytes: what this GPU was sent for its sweep, and no other
   * @param given what it was asked for when this is a record that is checked again
   * @returns the request; null when nothing need be asked, because it is refused already
   */
  commit(gpu: number, nonce: Uint8Array, transcript: Transcript, given: Sample | null = null): OpenRequest | null {
    if (nonce.length !== 32) throw new RangeError('a nonce has 32 bytes')
    if (!this.#isOpen(gpu) || this.#rejected.has(gpu)) return null
    if (this.#checks.has(gpu)) return this.#refuse(gpu, 'committed twice')
    try {
      const sample = given ?? drawSample(this.#challenge.sizes, checksPerGpu(this.#gpus), this.#random)
      const check = new GpuCheck(gpu, this.#challenge, nonce, transcript, sample, this.#freivalds)
      this.#checks.set(gpu, check)
      return check.verdict().result === 'unfinished' ? check.request : null
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      return this.#refuse(gpu, error.message)
    }
  }

  /** The k-th opening of a GPU. */
  take(gpu: number, k: number, bytes: Uint8Array): void {
    if (!this.#isOpen(gpu)) return
    const check = this.#checks.get(gpu)
    if (check) check.take(k, bytes)
    else this.#refuse(gpu, `opening ${k} came before anything was committed`)
  }

  /** A GPU says that it sent all it was asked for. */
  done(gpu: number): void {
    if (!this.#isOpen(gpu)) return
    const check = this.#checks.get(gpu)
    if (check) check.done()
    else this.#refuse(gpu, 'done before anything was committed')
  }

  /** What came is no message of the protocol. @param gpu null: nobody knows whose it was */
  malformed(gpu: number | null, error: unknown): void {
    if (gpu === null) this.#fault ??= reason(error)
    else if (this.#isOpen(gpu)) this.#refuse(gpu, reason(error))
  }

  /** As things are now: what is not yet there is `unfinished`. */
  verdict(): Verdict {
    const of = (gpu: number): GpuVerdict => this.#rejected.get(gpu) ?? this.#checks.get(gpu)?.verdict() ?? { gpu, result: 'unfinished', checked: 0, asked: 0 }
    return judge(
      Array.from({ length: this.#gpus }, (_, gpu) => of(gpu)),
      this.#fault,
    )
  }

  /** Whether there is such a GPU. */
  #isOpen(gpu: number): boolean {
    if (Number.isInteger(gpu) && gpu >= 0 && gpu < this.#gpus) return true
    this.#fault ??= `a line is of GPU ${gpu}, and there are ${this.#gpus}`
    return false
  }

  #refuse(gpu: number, why: string): null {
    const check = this.#checks.get(gpu)
    if (check) check.malformed(why)
    else if (!this.#rejected.has(gpu)) this.#rejected.set(gpu, { gpu, result: 'malformed', reason: why })
    return null
  }
}

/** Most that is kept at one time: the rows that the sweep checks wait with, roots, the private vector, and one opening at work. */
function keptBytes(sizes: Sizes, gpus: number): number {
  const { n, K, w, r, lanes } = sizes
  const perGpu = checksPerGpu(gpus).sweep * r * n + 32 * (K + lanes + 2) + 2 * n
  return gpus * perGpu + 8 * (n + 3 * w) + 2 * n
}
