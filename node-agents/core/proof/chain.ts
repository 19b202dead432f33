/** The arithmetic of the proof: products of int8 rows, summed in int32, of which byte 1 goes on. Exact on every engine. */

/** a·b. Below 2^31 for up to 131071 columns of int8. @param a its length a multiple of 4, b at least as long */
export function dot(a: Int8Array, b: Int8Array): number {
  let p = 0
  let q = 0
  let r = 0
  let s = 0
  for (let c = 0; c < a.length; c += 4) {
    p = (p + Math.imul(a[c] ?? 0, b[c] ?? 0)) | 0
    q = (q + Math.imul(a[c + 1] ?? 0, b[c + 1] ?? 0)) | 0
    r = (r + Math.imul(a[c + 2] ?? 0, b[c + 2] ?? 0)) | 0
    s = (s + Math.imul(a[c + 3] ?? 0, b[c + 3] ?? 0)) | 0
  }
  return (p + q + r + s) | 0
}

/** Bits 8 … 15 of an int32, as a signed byte: carries make it nonlinear, so that rounds cannot be folded into one. */
export function byte1(c: number): number {
  return (c << 16) >> 24
}

/**
 * S_{t+1}[a,i] = byte 1 of W[a]·S_t[i], and the entry of S_0 that goes into it, modulo 256, as a signed byte. Without that entry every
 * round does the same to every state: after one wrong round all states may be zero, or those of before may come round again, and all
 * other rounds hold, without any work and without any memory. With it, a state that was not worked out by the round before has to
 * be worked on: of two rounds whose work is saved, one after the other, at least one is wrong.
 */
export function chainByte(weights: Int8Array, before: Int8Array, fresh: number): number {
  return ((byte1(dot(weights, before)) + fresh) << 24) >> 24
}

/** Column of S_0, in the same row, whose entry goes into column `column` of S_{t+1}: another one in each round, and in no round a row as it was. */
export function freshColumn(t: number, column: number, { n }: { n: number }): number {
  return (column + t + 1) % n
}
