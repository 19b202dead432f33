import { blake2AsHex } from '@polkadot/util-crypto'
import type { Block, Header } from '../chain/block.ts'
import { compact, concat, fromHex } from '../scale/bytes.ts'

/** A node that says another head than it has: ahead by blocks that nobody made, or behind by holding back. */
export class Lie {
  /** Blocks; 0 tells the truth. */
  headBy = 0
  readonly #told = new Map<string, { header: Header; of: string }>()

  /** What is said instead of this head. */
  head(block: Block): { hash: string; header: Header } {
    if (this.headBy === 0) return block
    if (this.headBy < 0) return behind(block, -this.headBy)
    const number = block.number + this.headBy
    const header = { ...block.header, parentHash: blake2AsHex(`nobody made ${number - 1}`), number: `0x${number.toString(16)}` }
    const { parentHash, stateRoot, extrinsicsRoot, digest } = header
    const logs = concat(compact(digest.logs.length), ...digest.logs.map(fromHex))
    const hash = blake2AsHex(concat(fromHex(parentHash), compact(number), fromHex(stateRoot), fromHex(extrinsicsRoot), logs))
    this.#told.set(hash, { header, of: block.hash })
    return { hash, header }
  }

  header(hash: string): Header | null {
    return this.#told.get(hash)?.header ?? null
  }

  /** The block behind a hash that was made up. */
  truth(hash: string): string {
    return this.#told.get(hash)?.of ?? hash
  }
}

function behind(block: Block, by: number): Block {
  let at = block
  for (let i = 0; i < by && at.parent; i++) at = at.parent
  return at
}
