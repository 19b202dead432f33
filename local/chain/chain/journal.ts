import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Mistake, reason } from '../../../node-agents/core/mistake.ts'

/**
 * A file of records, one a line, each behind a checksum. Adding appends; starting anew replaces the file in one step. What a kill left
 * half-written at its end is dropped; anything else that is not as it was written is damage.
 */
export class Journal {
  readonly #path: string
  #file: number | null = null

  constructor(path: string) {
    this.#path = path
  }

  /** All records; null where there is no file. Throws a Mistake for damage and for a file that cannot be read. */
  read(): unknown[] | null {
    return this.#guarded(() => {
      if (!existsSync(this.#path)) return null
      const lines = readFileSync(this.#path, 'utf8').split('\n')
      lines.pop() // empty, or half a line
      if (lines.length === 0) throw this.#damaged('it has no whole line')
      return lines.map((line, i) => this.#parse(line, i + 1))
    })
  }

  /** The file now holds these records only. */
  restart(records: unknown[]): void {
    this.#guarded(() => {
      this.close()
      const next = `${this.#path}.next`
      const file = openSync(next, 'w', 0o600)
      try {
        for (const record of records) writeFileSync(file, line(record))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(next, this.#path)
      this.#file = openSync(this.#path, 'a')
    })
  }

  /** What a full disk cut short is no end to go on from: after a failure, start anew. */
  add(record: unknown): void {
    const file = this.#file
    if (file === null) throw new Error('the journal was not started')
    this.#guarded(() => appendFileSync(file, line(record)))
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #parse(text: string, at: number): unknown {
    const space = text.indexOf(' ')
    const body = text.slice(space + 1)
    if (space < 0 || text.slice(0, space) !== checksum(body)) throw this.#damaged(`line ${at} is not as it was written`)
    return JSON.parse(body)
  }

  #damaged(why: string): Mistake {
    return new Mistake(`the state of the development chain, ${this.#path}, is damaged: ${why}. Move it away to start a new chain.`)
  }

  #guarded<T>(act: () => T): T {
    try {
      return act()
    } catch (error) {
      if (error instanceof Mistake) throw error
      throw new Mistake(`the state of the development chain cannot be kept in ${this.#path}: ${reason(error)}`, error)
    }
  }
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16)
}

function line(record: unknown): string {
  const body = JSON.stringify(record)
  return `${checksum(body)} ${body}\n`
}
