import type { Block } from './types.ts'
import type { Link } from './wire.ts'

/** The block that readings are to be of: that of the hash, or else the best one now, so that several readings are of one block. */
export async function pin(link: Link, at: string | undefined): Promise<Block> {
  const { number, hash } = await link.blockOf(at ?? (await link.best()))
  return { number, hash }
}
