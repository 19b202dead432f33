import { P, reduce } from './field.ts'
import { key, prfRow } from './prf.ts'
import type { Random } from './random.ts'
import { MAX } from './sizes.ts'

/** Terms of a digest that are summed before a reduction: 2^16 (part of a secret) · 2^31 (an int32) · 2^6 terms = 2^53. */
const BLOCK = 64

/**
 * Freivalds' check of digests (R. Freivalds, 1977): a digest of a row is D = row·Xᵀ over the integers, w sums of n products, and
 * checking it so takes n·w steps. With a secret vector r and x = Xᵀr, made once, row·x = D·r takes n + w. A wrong digest passes with
 * probability 1/p, as long as r is secret: it is drawn here, used here and never shown.
 *
 * All sums are exact in doubles, which hold every integer up to 2^53:
 * - x before its reduction: w terms below 2^31·2^7, so w ≤ 2^15 (the sizes allow 1024);
 * - row·x: n terms below 2^31·2^7, so n ≤ 2^15 = 32768, guarded;
 * - D·r: r is split into parts of 16 and 15 bits, and reduced every 64 terms, whatever int32 the miner sends.
 */
export class Freivalds {
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #x: Float64Array
  /** For what comes unaligned. */
  readonly #numbers: Int32Array

  /** @param seed that of the session, which the matrix X hangs on */
  constructor(seed: Uint8Array, { n, w }: { n: number; w: number }, random: Random) {
    if (!(n <= MAX.n && w <= MAX.w)) throw new RangeError(`digests of ${w} numbers over rows of ${n} cannot be checked exactly: at most ${MAX.w} and ${MAX.n}`)
    const secret = Float64Array.from({ length: w }, () => element(random))
    this.#low = secret.map((r) => r % 65_536)
    this.#high = secret.map((r) => Math.floor(r / 65_536))
    this.#x = combine(seed, secret, n)
    this.#numbers = new Int32Array(w)
  }

  /** row·x modulo p, over as many columns as the row has: at most n, a multiple of 4. */
  ofRow(row: Int8Array): number {
    const x = this.#x
    if (row.length > x.length || row.length % 4 !== 0) throw new RangeError(`a row of ${row.length} bytes`)
    // Four sums, so that one addition need not wait for another.
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    for (let i = 0; i < row.length; i += 4) {
      a += (x[i] ?? 0) * (row[i] ?? 0)
      b += (x[i + 1] ?? 0) * (row[i + 1] ?? 0)
      c += (x[i + 2] ?? 0) * (row[i + 2] ?? 0)
      d += (x[i + 3] ?? 0) * (row[i + 3] ?? 0)
    }
    return reduce(reduce(a) + reduce(b) + reduce(c) + reduce(d))
  }

  /** D·r modulo p. @param digest w numbers, int32, little-endian */
  ofDigest(digest: Uint8Array): number {
    const numbers = this.#numbers
    new Uint8Array(numbers.buffer).set(digest)
    let sum = 0
    for (let from = 0; from < numbers.length; from += BLOCK) sum = reduce(sum + this.#block(from, Math.min(from + BLOCK, numbers.length)))
    return sum
  }

  #block(from: number, to: number): number {
    let low = 0
    let high = 0
    for (let h = from; h < to; h++) {
      const number = this.#numbers[h] ?? 0
      low += (this.#low[h] ?? 0) * number
      high += (this.#high[h] ?? 0) * number
    }
    return reduce(reduce(low) + reduce(high) * 65_536)
  }
}

const NONE = new Int8Array(0)

/** x = Xᵀr modulo p. */
function combine(seed: Uint8Array, secret: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n)
  const rows = Array.from({ length: 4 }, () => new Int8Array(n))
  const [a = NONE, b = NONE, c = NONE, d = NONE] = rows
  const of = key('X', seed)
  // Four rows at a time: x is read and written a quarter as often. A row too many counts nothing.
  for (let h = 0; h < secret.length; h += 4) {
    const [p = 0, q = 0, r = 0, s = 0] = secret.subarray(h, h + 4)
    for (const [k, row] of rows.entries()) prfRow(of, h + k, row)
    for (let i = 0; i < n; i++) x[i] = (x[i] ?? 0) + p * (a[i] ?? 0) + q * (b[i] ?? 0) + r * (c[i] ?? 0) + s * (d[i] ?? 0)
  }
  return x.map(reduce)
}

/** Uniform in 0 … p-1: 31 bits, drawn again for the one value that is p itself. */
function element(random: Random): number {
  for (;;) {
    const bits = Buffer.from(random.bytes(4)).readUInt32LE() >>> 1
    if (bits !== P) return bits
  }
}
