import { hash } from './merkle.ts'

/**
 * The pseudo-random matrices of the proof: W (the weights of the chain), S (its first state), X (the digests) and U (what goes into each
 * step of the sweep). Three multiplications modulo 2^32 a word, in counter mode, so that any row can be made alone, on any engine.
 */

export type Tag = 'W' | 'S' | 'X' | 'U'
/** Four words of 32 bits. */
export type Key = readonly [number, number, number, number]

/** The key of a matrix: the first 16 bytes of SHA-256("pog2|tag|" ‖ seed), little-endian. W, S and U take the seed of a GPU, X that of the session. */
export function key(tag: Tag, seed: Uint8Array): Key {
  const digest = hash(Buffer.from(`pog2|${tag}|`, 'latin1'), seed)
  return [digest.readInt32LE(0), digest.readInt32LE(4), digest.readInt32LE(8), digest.readInt32LE(12)]
}

/** 32 bytes for one GPU out of a seed or nonce of the session. */
export function gseed(seed: Uint8Array, gpu: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32LE(gpu)
  return hash(Buffer.from('pog2|gpu|', 'latin1'), seed, number)
}

/** The word of a counter, 0 … 2^32-1. */
export function word(key: Key, index: number): number {
  const words = new Int32Array(1)
  fill(key, index, words)
  return (words[0] ?? 0) >>> 0
}

/**
 * Row `row` of an int8 matrix with `out.length` columns: entry c is the signed byte c mod 4 of the little-endian word row·(columns/4) + ⌊c/4⌋.
 * @param out its columns a multiple of 4, its bytes aligned to 4; is filled and returned
 */
export function prfRow(key: Key, row: number, out: Int8Array): Int8Array {
  const words = new Int32Array(out.buffer, out.byteOffset, out.length / 4)
  fill(key, row * words.length, words)
  return out
}

/** Entry `column` of that row alone, in a matrix of so many columns. */
export function prfEntry(key: Key, row: number, column: number, columns: number): number {
  return (word(key, (row * columns) / 4 + (column >> 2)) << (24 - 8 * (column & 3))) >> 24
}

function fill([k0, k1, k2, k3]: Key, first: number, words: Int32Array): void {
  for (let c = 0; c < words.length; c++) {
    let x = (first + c + k0) | 0
    x ^= x >>> 16
    x = (Math.imul(x, 0x85ebca6b) + k1) | 0
    x ^= x >>> 13
    x = (Math.imul(x, 0xc2b2ae35) + k2) | 0
    x ^= x >>> 16
    x = (Math.imul(x, 0x27d4eb2f) + k3) | 0
    words[c] = x ^ (x >>> 15)
  }
}
