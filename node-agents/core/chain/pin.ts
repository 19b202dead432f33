import { ChainError } from './errors.ts'
import { count } from './plain.ts'
import type { Block } from './types.ts'
import type { Link } from './wire.ts'

/** The block that readings are to be of: that of the hash, or else the best one now, so that several readings are of one block. */
export async function pin(link: Link, at: string | undefined): Promise<Block> {
  if (at !== undefined) {
    const { number, hash } = await link.blockOf(at)
    return { number, hash }
  }
  const number = count(await link.read('System.Number', [], undefined), 'System.Number')
  const hash = await link.hashAt(number)
  if (hash === null) throw new ChainError('BlockGone', 'connection', `Block ${number} was the best one and is gone: it is asked again by itself`, true)
  return { number, hash }
}
