import { Malformed } from './fault.ts'
import { HASH_BYTES } from './merkle.ts'
import { mostOpenings } from './request.ts'
import { checksPerGpu } from './sample.ts'
import { laneOpeningBytes, rowOpeningBytes, type Sizes } from './sizes.ts'
import { base64Length } from './wire.ts'

/** Most that a script may send in one session, in bytes. */
export const TOTAL_LIMIT = 64 * 2 ** 20
/** Longest line, in bytes, unless the sizes make exactly known bulk longer. */
export const LINE_LIMIT = 64 * 2 ** 10
/** What stands around the bulk of a line, at most: {"t":"roots","g":63,"d":""}. */
const ENVELOPE = 64
const NEWLINE = 10

/** Longest line that a script has to send in these sizes: roots or an opening, whose lengths are known to the byte. */
export function lineLimit(sizes: Sizes): number {
  const bulk = Math.max(sizes.K * HASH_BYTES, rowOpeningBytes(sizes), laneOpeningBytes(sizes))
  return Math.max(LINE_LIMIT, base64Length(bulk) + ENVELOPE)
}

/** Most bytes in which so many GPUs open what they are asked for. */
export function openingBytes(sizes: Sizes, gpus: number): number {
  const { rows, lanes } = mostOpenings(checksPerGpu(gpus), sizes)
  return gpus * (rows * (base64Length(rowOpeningBytes(sizes)) + ENVELOPE) + lanes * (base64Length(laneOpeningBytes(sizes)) + ENVELOPE))
}

/** Cuts what comes into lines, and keeps no more than one line that is not yet whole. */
export class Lines {
  readonly #total: number
  /** A copy: a view would keep all that came with it. */
  readonly #line: Buffer
  #length = 0
  #bytes = 0

  constructor(line: number, total: number = TOTAL_LIMIT) {
    this.#line = Buffer.alloc(line)
    this.#total = total
  }

  /**
   * The lines that are whole now, without their ends.
   * @throws Malformed as soon as a line, whole or not, or everything together, is too long; nothing more can be read then
   */
  *push(chunk: Uint8Array): Generator<string> {
    this.#bytes += chunk.length
    if (this.#bytes > this.#total) throw new Malformed(`more than ${this.#total} bytes in all`)
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#keep(chunk.subarray(from, end))
      from = end + 1
      const line = this.#line.toString('utf8', 0, this.#length)
      this.#length = 0
      yield line
    }
    this.#keep(chunk.subarray(from))
  }

  #keep(part: Uint8Array): void {
    if (this.#length + part.length > this.#line.length) throw new Malformed(`a line of more than ${this.#line.length} bytes`)
    this.#line.set(part, this.#length)
    this.#length += part.length
  }
}
