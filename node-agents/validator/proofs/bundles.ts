import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../core/log.ts'
import { ENDING, PARTIAL } from '../../core/proof/bundle/write.ts'

/** Where the evidence lies. @param state the state directory */
export const folderOf = (state: string) => join(state, 'proofs')

/** How much is kept: so many files, and so many bytes in all. */
export type Bound = { count: number; bytes: number }
export type File = { name: string; bytes: number; atMs: number }

/** Which files go, so that the newest stay within the bound. Pure. The newest one alone may be too large: then it goes as well. */
export function surplus(files: readonly File[], { count, bytes }: Bound): string[] {
  const gone: string[] = []
  let [kept, sum] = [0, 0]
  for (const file of files.toSorted((a, b) => b.atMs - a.atMs || (a.name < b.name ? 1 : -1))) {
    if (kept < count && sum + file.bytes <= bytes) {
      kept++
      sum += file.bytes
    } else gone.push(file.name)
  }
  return gone
}

/** The evidence of proofs on this disk: the newest, within a bound. Nothing here ever stops a proof. */
export class Bundles {
  readonly #folder: string
  readonly #bound: Bound
  readonly #log: Log
  /** Whose files are still being written. */
  readonly #open = new Set<string>()
  /** One tidies up at a time. */
  #last: Promise<void> = Promise.resolve()
  #told = false

  constructor(state: string, bound: Bound, log: Log) {
    this.#folder = folderOf(state)
    this.#bound = bound
    this.#log = log
  }

  /** Where the evidence of a proof is to be written; null: none is kept, or there is no room for its folder. */
  async begin(proof: string): Promise<{ name: string; path: string } | null> {
    if (this.#bound.count === 0 || this.#bound.bytes === 0) return null
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      this.failed(error)
      return null
    }
    const name = `${proof}${ENDING}`
    this.#open.add(name)
    return { name, path: join(this.#folder, name) }
  }

  /** It is written, or will never be. Makes room for the next. @returns once that is done */
  end(name: string): Promise<void> {
    this.#open.delete(name)
    this.#last = this.#last.then(() => this.#tidy())
    return this.#last
  }

  /** Evidence that could not be kept: told once until it can be again. */
  failed(error: unknown): void {
    if (!this.#told) this.#log.error({ err: error, folder: this.#folder }, 'the evidence of proofs cannot be kept; proofs go on without')
    this.#told = true
  }

  /** As `failed`, the other way round. */
  kept(): void {
    if (this.#told) this.#log.info({ folder: this.#folder }, 'the evidence of proofs is kept again')
    this.#told = false
  }

  async #tidy(): Promise<void> {
    try {
      for (const name of [...(await this.#halves()), ...surplus(await this.#files(), this.#bound)]) await rm(join(this.#folder, name), { force: true })
    } catch (error) {
      this.failed(error)
    }
  }

  /** What a process that died left behind. */
  async #halves(): Promise<string[]> {
    const names = await readdir(this.#folder)
    return names.filter((name) => name.endsWith(PARTIAL) && !this.#open.has(name.slice(0, -PARTIAL.length)))
  }

  async #files(): Promise<File[]> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(ENDING) && !this.#open.has(name))
    return Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(this.#folder, name))
        return { name, bytes: size, atMs: mtimeMs }
      }),
    )
  }
}
