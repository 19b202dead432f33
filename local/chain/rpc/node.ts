import type { Author } from '../chain/author.ts'
import type { Block, Header } from '../chain/block.ts'
import type { Chain } from '../chain/chain.ts'
import { RpcError } from '../chain/errors.ts'
import { scan } from '../state/tree.ts'
import type { Lie } from './lie.ts'

/** What the methods of one node share. */
export type Node = { chain: Chain; author: Author; lie: Lie }

/** The block asked for: by hash, else the best one. Throws as a node does for one it does not know. */
export function blockAt({ chain, lie }: Node, hash: string | null): Block {
  if (hash === null) return chain.head
  const block = chain.block(lie.truth(hash))
  if (!block) throw RpcError.unknownBlock(hash)
  return block
}

export function headerOf({ chain, lie }: Node, hash: string | null): Header | null {
  if (hash === null) return lie.head(chain.head).header
  return lie.header(hash) ?? chain.block(hash)?.header ?? null
}

/** A storage change set, as subscriptions and queryStorageAt give it. */
export function changes(node: Node, block: Block, keys: string[]): { block: string; changes: [string, string | null][] } {
  const state = node.chain.stateAt(block)
  return { block: block.hash, changes: keys.map((key) => [key, state.hex(key)]) }
}

/** Keys in order, after `start`. */
export function keysPaged(node: Node, block: Block, prefix: string, count: number, start: string | null): string[] {
  if (count > 1000) throw new RpcError(4002, 'count exceeds maximum value', `value: ${count}, max: 1000`)
  const found: string[] = []
  for (const [key] of scan(node.chain.stateAt(block).root, prefix, start ?? '')) {
    if (found.length >= count) break
    found.push(key)
  }
  return found
}
