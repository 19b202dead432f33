import { makeSeed } from '../../core/proof/bundle/seed.ts'
import type { Header, Outcome } from '../../core/proof/bundle/types.ts'
import type { BundleWriter } from '../../core/proof/bundle/write.ts'
import type { Heard } from '../../core/proof/session/types.ts'
import type { Bundles } from './bundles.ts'

/** What writes the evidence of one session into a file. */
export type Writer = Pick<BundleWriter, 'begin' | 'heard' | 'close' | 'abort'>

/** The evidence of one proof while it is made. A disk that fails costs the evidence and nothing else. */
export class Recording {
  readonly #bundles: Bundles
  readonly #file: string
  readonly #writer: Writer | null
  #lost = false

  private constructor(bundles: Bundles, file: string, writer: Writer | null) {
    this.#bundles = bundles
    this.#file = file
    this.#writer = writer
  }

  static async of(proof: string, bundles: Bundles, open: (path: string) => Writer): Promise<Recording> {
    const at = await bundles.begin(proof)
    return new Recording(bundles, at?.name ?? '', at && open(at.path))
  }

  /** @returns the seed of these parts */
  async begin(header: Header): Promise<Uint8Array> {
    await this.#tried((w) => w.begin(header))
    return makeSeed(header.seed)
  }

  heard(line: Heard): void {
    if (this.#lost) return
    try {
      this.#writer?.heard(line)
    } catch (error) {
      this.#lose(error)
    }
  }

  /** What it came to ends the evidence; null: none is kept, or nothing began that there could be any of. */
  async close(outcome: Outcome): Promise<{ file: string; digest: string } | null> {
    const written = await this.#tried((w) => w.close(outcome))
    if (written === null) return null
    this.#bundles.kept()
    return { file: this.#file, digest: written.digest }
  }

  /** Whatever happened: nothing of it stays open. */
  async end(): Promise<void> {
    if (!this.#writer) return
    try {
      await this.#writer.abort()
    } catch (error) {
      this.#lose(error)
    }
    await this.#bundles.end(this.#file)
  }

  async #tried<T>(what: (writer: Writer) => Promise<T>): Promise<T | null> {
    if (!this.#writer || this.#lost) return null
    try {
      return await what(this.#writer)
    } catch (error) {
      this.#lose(error)
      return null
    }
  }

  #lose(error: unknown): void {
    this.#lost = true
    this.#bundles.failed(error)
  }
}
