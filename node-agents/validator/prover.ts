import * as z from 'zod'
import { hotkey } from '../../schema/index.ts'
import { readJson } from '../core/files.ts'
import { Mistake } from '../core/mistake.ts'
import type { Proved, Prover } from '../core/ports.ts'

const record = z.discriminatedUnion('result', [
  z.object({ result: z.literal('valid'), gpus: z.array(z.object({ uuid: z.string(), model: z.string() })).min(1), simulated: z.boolean().default(true) }),
  z.object({ result: z.enum(['invalid', 'failed']), reason: z.string() }),
])
const file = z.record(hotkey, record)

/**
 * What stands in the file of `--recorded-proofs` for whom, in place of any proof: { "5F…": { "result": "valid", "gpus": [{ "uuid", "model" }] } }.
 * Only for an edge of development. The file is read anew for each miner, so a stack can write it while the validator runs.
 */
export class RecordedProver implements Prover {
  readonly #path: string
  readonly #development: () => boolean | null

  /** @param development what the edge says of itself; null: it was not asked yet */
  constructor(path: string, development: () => boolean | null) {
    this.#path = path
    this.#development = development
  }

  /** Rejects with a `Mistake` when the edge is not one of development, or the file is none. */
  async prove({ hotkey: who }: { hotkey: string }): Promise<Proved> {
    if (this.#development() !== true) throw new Mistake('--recorded-proofs is for an edge of development, and this one is none: leave it out')
    const records = await readJson(this.#path, file, 'It holds proofs by hotkey; see --recorded-proofs.')
    if (!records) throw new Mistake(`--recorded-proofs ${this.#path} is not there`)
    return records[who] ?? { result: 'failed', reason: 'no proof of it is recorded' }
  }
}
