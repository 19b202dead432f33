import * as z from 'zod'
import { readJson, writeAtomic } from '../core/files.ts'

/** Numbers per write: a sync must not wait for the disk. */
const BLOCK = 1000
const FIX = 'Remove it: numbering goes on from the clock, which is far above every number used so far.'

/** Numbers that grow strictly, over restarts and crashes too. */
export type Seq = { next(): Promise<number> }

/**
 * Reserves numbers in blocks: after a crash the rest of a block is skipped, never used twice.
 * They begin at the wall clock (ms), so that a lost or restored file does not bring old numbers back. For the same reason a
 * full disk stops nobody: what is not reserved is still below the clock of the next start.
 * @param onTrouble told when numbers cannot be reserved, and again only after they could
 */
export async function openSeq(path: string, wallMs: () => number, onTrouble: (error: unknown) => void = () => undefined): Promise<Seq> {
  const shape = z.object({ reserved: z.number().int().nonnegative() })
  const last = (await readJson(path, shape, FIX))?.reserved ?? 0
  let used = Math.max(last, Math.trunc(wallMs()))
  let reserved = used
  let told = false
  const reserve = async (to: number) => {
    try {
      await writeAtomic(path, JSON.stringify({ reserved: to }))
      reserved = to
      told = false
    } catch (error) {
      if (!told) onTrouble(error)
      told = true
    }
  }
  return {
    async next() {
      const mine = ++used
      if (mine > reserved) await reserve(mine + BLOCK)
      return mine
    },
  }
}
