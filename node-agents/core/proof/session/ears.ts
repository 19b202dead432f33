import { setImmediate as turn } from 'node:timers/promises'
import { reason } from '../../mistake.ts'
import { Malformed } from '../fault.ts'
import { Lines } from '../lines.ts'
import { Failure } from './failure.ts'
import type { Pipe } from './types.ts'
import { words } from './words.ts'

/** Bytes that are looked at in one turn. */
const SLICE = 64 * 1024

export type Bounds = { /** Bytes of a line, */ line: number; /** of everything, */ total: number; /** and in how many pieces at most. */ chunks: number }

/**
 * Reads what a script says, line by line, until `isOver`, and no more than the bounds allow. Each part of it gets a turn of its own, so a
 * flood keeps neither timers nor other sessions waiting; what is not read yet waits at the other end.
 */
export class Ears {
  bytes = 0
  readonly #pipe: Pipe
  readonly #bounds: Bounds
  #chunks = 0

  constructor(pipe: Pipe, bounds: Bounds) {
    this.#pipe = pipe
    this.#bounds = bounds
  }

  /**
   * @param heard takes one line; may throw
   * @param arrived is called when a piece came, before any of its lines
   * @throws Failure `broken` at the end of what comes, `malformed` beyond the bounds; and what `heard` and `arrived` throw
   */
  async listen(arrived: () => void, heard: (line: string) => void, isOver: () => boolean): Promise<void> {
    const lines = new Lines(this.#bounds.line, this.#bounds.total)
    const pieces = this.#pipe.output[Symbol.asyncIterator]()
    for (;;) {
      const piece = await this.#next(pieces)
      if (isOver()) return
      arrived()
      this.#count(piece)
      for (let from = 0; from < piece.length; from += SLICE) {
        this.#hear(lines, piece.subarray(from, from + SLICE), heard, isOver)
        if (isOver()) return
        await turn()
        if (isOver()) return
      }
    }
  }

  #hear(lines: Lines, bytes: Uint8Array, heard: (line: string) => void, isOver: () => boolean): void {
    try {
      for (const line of lines.push(bytes)) {
        heard(line)
        if (isOver()) return
      }
    } catch (error) {
      throw error instanceof Malformed ? new Failure('malformed', words(error.message), null, error) : error
    }
  }

  async #next(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
    const next = await pieces.next().catch((error: unknown) => {
      throw new Failure('broken', this.#ended(`the connection broke: ${words(reason(error))}`), null, error)
    })
    if (next.done) throw new Failure('broken', this.#ended('the script ended'))
    return next.value
  }

  #count(piece: Uint8Array): void {
    this.bytes += piece.length
    this.#chunks++
    if (this.#chunks > this.#bounds.chunks) throw new Failure('malformed', `what comes is in more than ${Math.floor(this.#bounds.chunks)} pieces`)
  }

  /** With its own last words, where it left some. */
  #ended(how: string): string {
    const last = this.#pipe.errors().trimEnd().split('\n').at(-1) ?? ''
    return last.trim() ? `${how}; its last words: ${words(last)}` : how
  }
}
