import { Malformed } from '../fault.ts'
import { checksPerGpu } from '../sample.ts'
import { sampleOf } from '../recall.ts'
import { commitment } from '../session/commitment.ts'
import type { Committed, Heard } from '../session/types.ts'
import type { Sizes } from '../sizes.ts'
import { checkTranscript, type Transcript, unkept } from '../transcript.ts'
import type { Verdict } from '../verdict.ts'
import { Verifier } from '../verify.ts'
import { type Message, readMessage } from '../wire.ts'
import { readSaid, type Said } from './said.ts'

/** What one GPU has got to; the times are those of the lines. */
type Gpu = Partial<Transcript> & { nonce?: Uint8Array; sweepAtMs?: number; tipAtMs?: number; swpAtMs?: number; rootsAsked?: boolean; opened?: boolean }

/** How long each part took by the lines alone; nobody's credit is taken off. */
export type Stamps = { gpu: number; chainMs: number; sweepMs: number }

/**
 * The session of a record, checked again line by line with a private vector of our own. What the host says badly is for the verdict; what
 * could not have been said in a session at all is `Malformed`: then the record is worth nothing.
 */
export class Replay {
  readonly #sizes: Sizes
  readonly #count: number
  readonly #seed: Uint8Array
  readonly #verifier: Verifier
  readonly #gpus: Gpu[]
  #goAtMs: number | null = null
  /** Of each side: lines of the host that came together have one time, and what is answered to the first of them a later one. */
  readonly #lastMs = { us: Number.NEGATIVE_INFINITY, host: Number.NEGATIVE_INFINITY }

  /** @throws RangeError for sizes and numbers of GPUs in which nothing can be proved */
  constructor({ sizes, gpus, seed }: { sizes: Sizes; gpus: number; seed: Uint8Array }) {
    this.#sizes = sizes
    this.#count = gpus
    this.#seed = seed
    this.#verifier = new Verifier({ sizes, seed }, gpus)
    this.#gpus = Array.from({ length: gpus }, () => ({}))
  }

  /** @throws Malformed when there was no such session */
  hear({ from, atMs, line }: Heard): void {
    if (atMs < this.#lastMs[from]) throw new Malformed('its times go back')
    this.#lastMs[from] = atMs
    if (from === 'us') this.#said(readSaid(line), atMs)
    else this.#heard(line, atMs)
  }

  verdict(): Verdict {
    // Nobody is asked for anything once a line that stopped a clock is not the hash that it should be: that is exact already.
    if (this.committed() !== null) for (const [gpu, of] of this.#gpus.entries()) this.#checkTip(gpu, of)
    return this.#verifier.verdict()
  }

  /** Of the GPUs that got through both timed parts. */
  stamps(): Stamps[] {
    return this.#gpus.flatMap(({ tipAtMs, sweepAtMs, swpAtMs }, gpu) => {
      if (this.#goAtMs === null || tipAtMs === undefined || sweepAtMs === undefined || swpAtMs === undefined) return []
      return [{ gpu, chainMs: tipAtMs - this.#goAtMs, sweepMs: swpAtMs - sweepAtMs }]
    })
  }

  /** SHA-256 over all that was committed to, as it was reported before anything was opened; null: not all committed. */
  committed(): string | null {
    const all = this.#gpus.flatMap((of, gpu) => committedOf(gpu, of) ?? [])
    return all.length === this.#count ? commitment(this.#sizes, this.#seed, all) : null
  }

  #said(said: Said, atMs: number): void {
    if (said.c === 'quit') return
    if (said.c === 'go') {
      if (this.#goAtMs !== null || !Buffer.from(said.seed).equals(this.#seed)) throw new Malformed('it goes twice, or with another seed than that of its parts')
      this.#goAtMs = atMs
      return
    }
    const of = this.#gpu(said.g)
    if (said.c === 'sweep') {
      const { lanes, r, Q } = this.#sizes
      const isAsked = said.lanes === lanes && said.r === r && said.Q === Q
      // Who sweeps before the others have their states may be done with its memory by then.
      if (!isAsked || this.#gpus.some(({ tip }) => !tip) || of.nonce)
        throw new Malformed(`GPU ${said.g} is told to sweep at the wrong time, or otherwise than its sizes say`)
      if (this.#gpus.some(({ nonce }) => nonce && Buffer.from(nonce).equals(said.nonce))) throw new Malformed('two GPUs have one nonce')
      Object.assign(of, { nonce: said.nonce, sweepAtMs: atMs })
    } else if (said.c === 'roots') {
      if (!of.swp || of.rootsAsked) throw new Malformed(`GPU ${said.g} is asked for its roots at the wrong time`)
      of.rootsAsked = true
    } else this.#open(said, of)
  }

  #open({ g, rows, u }: Extract<Said, { c: 'open' }>, of: Gpu): void {
    const committed = committedOf(g, of)
    // Who is asked before the others have committed could tell them what is asked.
    if (!committed || of.opened || this.committed() === null) throw new Malformed(`GPU ${g} is told to open at the wrong time`)
    of.opened = true
    this.#verifier.commit(g, committed.nonce, committed.transcript, sampleOf({ rows, u }, this.#sizes, checksPerGpu(this.#count)))
  }

  #heard(line: string, atMs: number): void {
    if (this.#goAtMs === null) throw new Malformed('the host answers before it may begin')
    const message = this.#read(line)
    if (!message) return
    if (message.t === 'error' || message.t === 'pong' || message.t === 'hello' || message.t === 'warn' || message.t === 'ready') return
    const of = this.#gpus[message.g]
    if (!of || !this.#inTurn(message, of)) this.#verifier.malformed(of ? message.g : null, new Malformed(`"${message.t}" came at the wrong time`))
    else this.#keep(message, of, atMs)
  }

  #read(line: string): Message | null {
    try {
      return readMessage(line)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#verifier.malformed(null, error)
      return null
    }
  }

  #inTurn(message: Message, of: Gpu): boolean {
    if (message.t === 'tip') return !of.tip
    if (message.t === 'swp') return of.nonce !== undefined && !of.swp
    if (message.t === 'roots') return of.rootsAsked === true && !of.roots
    if (message.t === 'swr') return of.roots !== undefined && !of.swr
    return of.opened === true
  }

  #keep(message: Message, of: Gpu, atMs: number): void {
    if (message.t === 'tip') Object.assign(of, { tip: message.h, tipAtMs: atMs })
    else if (message.t === 'swp') Object.assign(of, { swp: message.h, swpAtMs: atMs })
    else if (message.t === 'roots') of.roots = message.d
    else if (message.t === 'swr') {
      of.swr = message.root
      this.#checkLengths(message.g, of)
    } else if (message.t === 'o') this.#verifier.take(message.g, message.k, message.d)
    else if (message.t === 'done') this.#verifier.done(message.g)
  }

  #checkLengths(gpu: number, of: Gpu): void {
    const committed = committedOf(gpu, of)
    try {
      if (committed) checkTranscript(committed.transcript, this.#sizes)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#verifier.malformed(gpu, error)
    }
  }

  #checkTip(gpu: number, of: Gpu): void {
    const committed = committedOf(gpu, of)
    if (!committed || of.opened || unkept(committed.transcript) === null) return
    of.opened = true
    this.#verifier.commit(gpu, committed.nonce, committed.transcript)
  }

  #gpu(gpu: number): Gpu {
    const of = this.#gpus[gpu]
    if (!of) throw new Malformed(`it speaks to GPU ${gpu}, and there are ${this.#count}`)
    return of
  }
}

function committedOf(gpu: number, { nonce, tip, roots, swp, swr }: Gpu): Committed | null {
  return nonce && tip && roots && swp && swr ? { gpu, nonce, transcript: { tip, roots, swp, swr } } : null
}
