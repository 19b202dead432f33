import { createHash } from 'node:crypto'
import { verifyBytes } from '../../../../schema/index.ts'
import { type Catalog, readCatalog } from '../../catalog.ts'
import type { Beacon } from '../../chain/drand.ts'
import { Mistake } from '../../mistake.ts'
import { oneLine } from '../../text.ts'
import { Malformed } from '../fault.ts'
import { arithmetic, conclusion, timing } from './conclude.ts'
import { freshness } from './freshness.ts'
import { MAGIC, readEnd, readHeader, readHeard, readSeal, sealBytes, sealLine } from './format.ts'
import { type Raw, rawLines } from './read.ts'
import { Replay } from './replay.ts'
import { makeSeed } from './seed.ts'
import type { End, Header, Report, Seal } from './types.ts'

/** A real one has thousands at most: 64 GPUs, some hundred openings each. */
const MAX_LINES = 50_000

/**
 * Checks a bundle again, offline and in bounded memory: whether the file is as it was written, and if so, arithmetic, freshness, timing
 * and conclusion, each apart. Whatever stands in the file, it ends in a report.
 * @throws Mistake when the file cannot be read, or is no bundle at all
 */
export async function verifyBundle(path: string, { catalog = readCatalog(), beacon }: { catalog?: Catalog; beacon?: Beacon } = {}): Promise<Report> {
  const reading = new Reading()
  for await (const raw of rawLines(path)) {
    if (reading.isFirst && raw.bytes.toString('latin1') !== MAGIC) throw new Mistake(`${path} is no bundle of a proof: those begin with "${MAGIC}"`)
    reading.take(raw)
  }
  if (reading.isFirst) throw new Mistake(`${path} is empty, so it is no bundle of a proof`)
  return reading.report(catalog, beacon)
}

/** One pass over the lines of a file. Everything is hashed; after the first fault nothing else is done. */
class Reading {
  isFirst = true
  readonly #body = createHash('sha256')
  readonly #all = createHash('sha256')
  #bytes = 0
  #header: Header | null = null
  #replay: Replay | null = null
  #lines = 0
  #end: End | null = null
  #seal: Seal | null = null
  /** Why the last line is not that of a whole file; null: it is. */
  #torn: string | null = 'it is cut short: the seal is missing'
  /** Why this is the record of no session; null: it may be one. */
  #fault: string | null = null

  take({ bytes, whole }: Raw): void {
    this.#bytes += whole.length
    this.#all.update(whole)
    if (this.#seal) this.#torn = 'something follows its seal'
    else if (bytes.subarray(0, 5).toString('latin1') === 'seal ') this.#close(bytes, whole.length > bytes.length)
    else {
      this.#body.update(whole)
      if (!this.isFirst) this.#unlessFaulty(() => this.#line(textOf(bytes)))
    }
    this.isFirst = false
  }

  report(catalog: Catalog, beacon: Beacon | undefined): Report {
    const digest = this.#all.digest('hex')
    const changed = this.#torn ?? this.#brokenSeal()
    const known = { bytes: this.#bytes, digest }
    if (changed !== null) return { ...known, file: { result: 'changed', text: words(`changed, or not whole: ${changed}`) }, ...UNCHECKED }
    const by = this.#header?.by ?? null
    const file = { result: 'intact', text: `intact: its seal fits${by === null ? '; nobody signed it' : `, and ${by} signed it`}` } as const
    const [header, end, replay] = [this.#header, this.#end, this.#replay]
    if (this.#fault !== null || !header || !end || !replay) {
      const text = words(`unsound: ${this.#fault ?? 'it has no end'}`)
      return { ...known, file, ...UNCHECKED, arithmetic: { result: 'unsound', text }, header, end }
    }
    const again = replay.verdict()
    const found = {
      arithmetic: arithmetic(again, by),
      freshness: freshness(header, beacon),
      timing: timing(end, replay.stamps(), by),
      verdict: conclusion(end, again, header, catalog),
    }
    const holds = Object.values(found).every(({ result }) => result !== 'wrong')
    for (const finding of Object.values(found)) finding.text = words(finding.text)
    return { ...known, file, ...found, header, end, committed: replay.committed(), holds }
  }

  #line(line: string): void {
    if (!this.#header) this.#begin(line)
    else if (this.#end) throw new Malformed('something follows its end')
    else if (line.startsWith('end ')) this.#end = readEnd(line.slice('end '.length))
    else {
      if (++this.#lines > MAX_LINES) throw new Malformed(`a session has no more than ${MAX_LINES} lines`)
      const heard = readHeard(line)
      if (!heard) throw new Malformed('a line is of nobody')
      this.#replay?.hear(heard)
    }
  }

  #begin(line: string): void {
    if (!line.startsWith('header ')) throw new Malformed('it has no header')
    const header = readHeader(line.slice('header '.length))
    const { sizes, gpus, seed, by } = header
    if (by !== null && by !== seed.validator) throw new Malformed(`${by} signs what ${seed.validator} is said to have asked`)
    try {
      this.#replay = new Replay({ sizes, gpus, seed: makeSeed(seed) })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new Malformed(error.message, error)
    }
    this.#header = header
  }

  #close(bytes: Buffer, isWhole: boolean): void {
    try {
      this.#seal = readSeal(textOf(bytes).slice('seal '.length))
      const isExact = isWhole && bytes.equals(Buffer.from(sealLine(this.#seal)))
      this.#torn = isExact ? null : 'its seal is not written as a seal is'
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#torn = error.message
    }
  }

  /** Why the seal does not fit what is before it; null: it does. */
  #brokenSeal(): string | null {
    if (!this.#seal) return 'the seal is missing'
    const { digest, by, signature } = this.#seal
    const found = this.#body.digest('hex')
    if (found !== digest) return `SHA-256 of what is before the seal is ${found}, and the seal says ${digest}`
    if (this.#header && by !== this.#header.by) return `it is to be signed by ${this.#header.by ?? 'nobody'}, and the seal is of ${by ?? 'nobody'}`
    if ((by === null) !== (signature === null)) return 'a seal has a name and a signature, or neither'
    if (by !== null && signature !== null && !verifyBytes(by, sealBytes(digest), signature)) return `the signature is not that of ${by}`
    return null
  }

  #unlessFaulty(work: () => void): void {
    if (this.#fault !== null) return
    try {
      work()
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#fault = error.message
    }
  }
}

/** What stands in a file, for people: it cannot drive a terminal. */
const words = (text: string): string => oneLine(text.slice(0, 1000))

const nothing = { result: 'unchecked', text: 'not looked at' } as const
const UNCHECKED = { arithmetic: nothing, freshness: nothing, timing: nothing, verdict: nothing, header: null, end: null, committed: null, holds: false }

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new Malformed('a line is no text', error)
  }
}
