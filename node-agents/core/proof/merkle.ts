import { hash as sha256 } from 'node:crypto'

/** SHA-256 trees: leaf = SHA-256(0x00 ‖ bytes), node = SHA-256(0x01 ‖ left ‖ right). What is a leaf can never be passed off as a node. */

export const HASH_BYTES = 32

const LEAF = Buffer.of(0)
const NODE = 1

/** SHA-256 of the parts one after another. */
export function hash(...parts: Uint8Array[]): Buffer {
  // In one call: for so few bytes, an object that is fed costs as much as the hashing.
  return sha256('sha256', Buffer.concat(parts), 'buffer')
}

export function leafHash(bytes: Uint8Array): Buffer {
  return hash(LEAF, bytes)
}

export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  const node = Buffer.allocUnsafe(1 + 2 * HASH_BYTES)
  node[0] = NODE
  node.set(left, 1)
  node.set(right, 1 + HASH_BYTES)
  return sha256('sha256', node, 'buffer')
}

/** Levels between the leaves (1 … 2^32) and the root; the list of leaves is filled up to a power of two. */
export function levels(leaves: number): number {
  return 32 - Math.clz32(leaves - 1)
}

/**
 * The root that a leaf at a place leads to.
 * @param path its siblings from the bottom up, 32 bytes each. Its length must be known to be right: a shorter one could end at a node
 */
export function climb(leaf: Uint8Array, index: number, path: Uint8Array): Buffer {
  // One room for all steps, and hashes as text: memory of its own for each of ten thousand steps takes longer than the hashing.
  const room = Buffer.allocUnsafe(1 + 2 * HASH_BYTES)
  room[0] = NODE
  let node = leafHash(leaf).toString('latin1')
  let at = index
  for (let offset = 0; offset < path.length; offset += HASH_BYTES) {
    const [own, other] = at % 2 === 1 ? [1 + HASH_BYTES, 1] : [1, 1 + HASH_BYTES]
    room.write(node, own, 'latin1')
    room.set(path.subarray(offset, offset + HASH_BYTES), other)
    node = sha256('sha256', room, 'binary')
    at = Math.floor(at / 2)
  }
  return Buffer.from(node, 'latin1')
}
