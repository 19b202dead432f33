import { join } from 'node:path'
import * as z from 'zod'
import { SNAPSHOT_OUTCOMES } from '../../schema/index.ts'
import { readJson, removeHalfWritten, writeAtomic } from '../core/files.ts'
import { knownEdge, type KnownEdge } from '../core/identity.ts'

const posted = z.object({
  genesis: z.string(),
  block: z.number().int(),
  hash: z.string(),
  digest: z.string(),
  outcome: z.enum(SNAPSHOT_OUTCOMES),
  votes: z.number().int(),
  needed: z.number().int(),
  /** Wall clock, ms since 1970. */
  atMs: z.number(),
})
/** The last snapshot that the edge gave an answer to. */
export type LastPost = z.infer<typeof posted>

const file = z.object({
  edge: knownEdge.nullable(),
  posted: posted.nullable(),
  /** Whether the edge said that it is one of development; null: it was not asked yet. */
  development: z.boolean().nullable().default(null),
})
const FIX = 'Remove it: the validator learns the edge anew and goes on with the next snapshot.'

/** What a validator keeps between two starts: one file, written whole or not at all. */
export class State {
  readonly #path: string
  #kept: z.infer<typeof file>

  private constructor(path: string, kept: z.infer<typeof file>) {
    this.#path = path
    this.#kept = kept
  }

  /** Opens a state directory, of which the caller holds the lock. Throws a `Mistake` that names the damaged file and the fix. */
  static async open(dir: string): Promise<State> {
    await removeHalfWritten(dir)
    const path = join(dir, 'validator.json')
    return new State(path, (await readJson(path, file, FIX)) ?? { edge: null, posted: null, development: null })
  }

  edge(): KnownEdge | null {
    return this.#kept.edge
  }

  posted(): LastPost | null {
    return this.#kept.posted
  }

  development(): boolean | null {
    return this.#kept.development
  }

  async keepDevelopment(development: boolean): Promise<void> {
    if (development !== this.#kept.development) await this.#keep({ development })
  }

  keepEdge(edge: KnownEdge): Promise<void> {
    return this.#keep({ edge })
  }

  keepPosted(posted: LastPost): Promise<void> {
    return this.#keep({ posted })
  }

  /** Holds in memory also when the disk is full: this process then posts nothing twice. */
  #keep(change: Partial<z.infer<typeof file>>): Promise<void> {
    this.#kept = { ...this.#kept, ...change }
    return writeAtomic(this.#path, JSON.stringify(this.#kept, null, 2))
  }
}
