import { createHash } from 'node:crypto'
import type { Sizes } from '../sizes.ts'
import type { Committed } from './types.ts'

/**
 * What a session reports to the edge before anything is opened: SHA-256 (hex) over "compute/proof/committed/1", the sizes n K w f lanes r Q
 * (each u32, little-endian), the seed, and for each GPU in order its number (u32), nonce, tip, roots, swp and swr. All lengths follow
 * from the sizes, so no two sessions give the same bytes.
 */
export function commitment(sizes: Sizes, seed: Uint8Array, committed: Committed[]): string {
  const { n, K, w, f, lanes, r, Q } = sizes
  const digest = createHash('sha256').update('compute/proof/committed/1', 'latin1')
  for (const size of [n, K, w, f, lanes, r, Q]) digest.update(u32(size))
  digest.update(seed)
  for (const { gpu, nonce, transcript } of committed) {
    const { tip, roots, swp, swr } = transcript
    digest.update(u32(gpu))
    for (const part of [nonce, tip, roots, swp, swr]) digest.update(part)
  }
  return digest.digest('hex')
}

function u32(number: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(number)
  return bytes
}
