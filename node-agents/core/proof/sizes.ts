import { endianness } from 'node:os'
import { HASH_BYTES, levels } from './merkle.ts'

/** The sizes of one proof, chosen by the validator alone. The letters are those of the protocol. */
export type Sizes = {
  /** Rows and columns of the square int8 matrices. */
  n: number
  /** Rounds of the chain: it makes the states S_1 … S_K. */
  K: number
  /** Numbers (int32) in a digest. */
  w: number
  /** Rows whose digests make one leaf. */
  f: number
  /** Rows of U, which the sweep carries along. */
  lanes: number
  /** States that one step of the sweep reads. */
  r: number
  /** Steps of the sweep. */
  Q: number
}

/** GPUs of one machine, which are numbered from 0 on. The script takes no more. */
export const MAX_GPUS = 64
/** Beyond this n the sums of the private check are no longer exact in doubles (freivalds.ts). The script takes all of these. */
export const MAX: Sizes = { n: 32_768, K: 1500, w: 1024, f: 64, lanes: 64, r: 16, Q: 65_536 }
/** A GPU keeps them beside its states, and the verifier asks for some. Ten times what the largest card needs. */
const MAX_SWEEP_BYTES = 2 ** 31

/**
 * Says whether a proof can be made and checked exactly in these sizes.
 * @throws RangeError naming the first rule that does not hold: it is the caller's mistake, never the miner's
 */
export function checkSizes(sizes: Sizes): void {
  const { n, K, w, f, lanes, r, Q } = sizes
  const rules: [boolean, string][] = [
    [endianness() === 'LE', 'this machine is big-endian: bytes of numbers would be read the wrong way round'],
    ...Object.entries(MAX).map(([name, most]): [boolean, string] => {
      const value = sizes[name as keyof Sizes]
      return [Number.isInteger(value) && value >= 1 && value <= most, `${name} is a whole number from 1 to ${most}`]
    }),
    [n >= 32 && isPowerOfTwo(n) && isPowerOfTwo(f), 'n and f are powers of two, n at least 32'],
    [4 * w * f <= n && (w * f) % 4 === 0, 'the digests of f rows, 4wf bytes, fit into one row of n, and wf is a multiple of 4'],
    [r <= K, 'a step of the sweep reads r states of the K there are'],
    [(Q + 1) * lanes * n <= MAX_SWEEP_BYTES, `all rows of the sweep, (Q+1)·lanes·n bytes, are at most ${MAX_SWEEP_BYTES}`],
  ]
  for (const [holds, rule] of rules) if (!holds) throw new RangeError(`sizes of a proof: ${rule} (${JSON.stringify(sizes)})`)
}

/** Bytes of the opening of one row of a state: row, digests of its group, digest of those, path. */
export function rowOpeningBytes({ n, w, f }: Sizes): number {
  return n + 4 * w * f + 4 * w + HASH_BYTES * levels(n / f)
}

/** Bytes of the opening of one row of U: row and path. */
export function laneOpeningBytes({ n, lanes, Q }: Sizes): number {
  return n + HASH_BYTES * levels((Q + 1) * lanes)
}

const isPowerOfTwo = (x: number): boolean => 2 ** levels(x) === x
