import { checkLength } from './fault.ts'
import type { Freivalds } from './freivalds.ts'
import { climb } from './merkle.ts'
import { laneOpeningBytes, rowOpeningBytes, type Sizes } from './sizes.ts'

/** One row of a state, with all that ties it to the root of that state. */
export type RowOpening = {
  /** n entries. */
  row: Int8Array
  /** The digests of the f rows of its group, one after another: 4wf bytes. */
  group: Int8Array
  /** The digest of the group, which is the leaf: 4w bytes. */
  digest: Uint8Array
  /** Siblings of the leaf, 32 bytes each. */
  path: Uint8Array
}

/** One row of U, which is a leaf itself. */
export type LaneOpening = { row: Int8Array; path: Uint8Array }

/** What of an opening does not hold: the row is not the one of its digest, the group not that of its digest, or the leaf not in the tree. */
export type Broken = 'row' | 'group' | 'path'

/**
 * Takes the opening of a row of a state apart; nothing is copied.
 * @throws Malformed unless it has exactly the length that the sizes give
 */
export function parseRowOpening(bytes: Uint8Array, sizes: Sizes): RowOpening {
  checkLength(bytes, rowOpeningBytes(sizes), 'row with its group and path')
  const { n, w, f } = sizes
  const [group, digest, path] = [n, n + 4 * w * f, n + 4 * w * (f + 1)]
  return { row: signed(bytes, 0, group), group: signed(bytes, group, digest), digest: bytes.subarray(digest, path), path: bytes.subarray(path) }
}

/**
 * Takes the opening of a row of U apart; nothing is copied.
 * @throws Malformed unless it has exactly the length that the sizes give
 */
export function parseLaneOpening(bytes: Uint8Array, sizes: Sizes): LaneOpening {
  checkLength(bytes, laneOpeningBytes(sizes), 'lane with its path')
  return { row: signed(bytes, 0, sizes.n), path: bytes.subarray(sizes.n) }
}

/**
 * Whether a row is the one at its place in the state that the root was made of. A false one passes with probability 1/p (2^-31).
 * @param index of the row in the state
 * @returns what does not hold; null: all does
 */
export function brokenRow({ row, group, digest, path }: RowOpening, index: number, root: Uint8Array, { w, f }: Sizes, freivalds: Freivalds): Broken | null {
  const own = 4 * w * (index % f)
  if (freivalds.ofRow(row) !== freivalds.ofDigest(unsigned(group).subarray(own, own + 4 * w))) return 'row'
  if (freivalds.ofRow(group) !== freivalds.ofDigest(digest)) return 'group'
  return climb(digest, Math.floor(index / f), path).equals(root) ? null : 'path'
}

/** Whether a row of U is the leaf of its step and lane; the leaves stand step by step, lane by lane. */
export function isLane({ row, path }: LaneOpening, step: number, lane: number, root: Uint8Array, { lanes }: Sizes): boolean {
  return climb(unsigned(row), step * lanes + lane, path).equals(root)
}

const signed = (bytes: Uint8Array, from: number, to: number): Int8Array => new Int8Array(bytes.buffer, bytes.byteOffset + from, to - from)

/** The same bytes, for hashing. */
export const unsigned = (row: Int8Array): Uint8Array => new Uint8Array(row.buffer, row.byteOffset, row.length)
