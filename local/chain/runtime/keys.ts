import { blake2AsU8a, xxhashAsU8a } from '@polkadot/util-crypto'
import { toHex } from '../scale/bytes.ts'
import type { Hasher } from '../scale/text.ts'

/** 0x-hex of what all keys of a storage item begin with: twox128 of the pallet's name and of the item's. */
export function itemPrefix(pallet: string, item: string): string {
  return toHex(xxhashAsU8a(pallet, 128)) + toHex(xxhashAsU8a(item, 128)).slice(2)
}

/** One key inside a storage key, as hex without 0x. */
export function keyPart(hasher: Hasher, encoded: Uint8Array): string {
  const plain = toHex(encoded).slice(2)
  if (hasher === 'Identity') return plain
  return toHex(hasher === 'Twox64Concat' ? xxhashAsU8a(encoded, 64) : blake2AsU8a(encoded, 128)).slice(2) + plain
}

/** Bytes of hash before the key itself. */
export function hashSize(hasher: Hasher): number {
  return { Identity: 0, Twox64Concat: 8, Blake2_128Concat: 16 }[hasher]
}
