import { readFileSync } from 'node:fs'
import { chainByte, dot, freshColumn } from '../../node-agents/core/proof/chain.ts'
import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import { hash, leafHash, nodeHash } from '../../node-agents/core/proof/merkle.ts'
import { gseed, key, prfRow, type Tag, word } from '../../node-agents/core/proof/prf.ts'
import type { Random } from '../../node-agents/core/proof/random.ts'
import type { OpenRequest } from '../../node-agents/core/proof/request.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import { freshRow, statesOfStep, sweepByte } from '../../node-agents/core/proof/sweep.ts'
import type { Transcript } from '../../node-agents/core/proof/transcript.ts'

type Chain = Sizes & {
  seed: string
  nonce: string
  gpu: number
  first: number[]
  roots: string[]
  last: string
  swept: string
  swr: string
  clocks: [string, string]
}
type Vectors = {
  seed: string
  words: { tag: Tag; index: number; word: number }[]
  gseeds: { gpu: number; gseed: string }[]
  rows: { tag: Tag; gpu: number; n: number; row: number; first: number[]; sha256: string }[]
  chains: Chain[]
}

/** Made by test/vectors/pog.py. */
export const VECTORS = JSON.parse(readFileSync(new URL('../vectors/pog.json', import.meta.url), 'utf8')) as Vectors

export type Matrix = Int8Array[]

/** What a dishonest one does instead. Each gets the matrix before, and a way to the right next one. */
export type Cheat = {
  /** What its chain and its sweep hang on, instead of what it was told. */
  seed?: Uint8Array
  nonce?: Uint8Array
  gpu?: number
  /** S_{t+1}. */
  round?: (t: number, before: Matrix, right: () => Matrix) => Matrix
  /** U_0. */
  start?: (right: Matrix) => Matrix
  /** U_{q+1}. */
  step?: (q: number, before: Matrix, right: () => Matrix) => Matrix
}

type Tree = { /** Bytes of each leaf. */ leaves: Uint8Array[]; /** Hashes, leaves first. */ levels: Buffer[][] }

/**
 * A slow GPU: makes all states of a proof as the protocol says, row by row, and opens them. For small sizes. In the order of the protocol:
 * made at `go`, asked for its `tip`, then `sweep(nonce)`, and only then for its `transcript` and openings.
 */
export class SlowGpu {
  readonly sizes: Sizes
  /** S_0 … S_K. */
  readonly states: Matrix[]
  /** Roots of S_1 … S_K, one after another. */
  readonly roots: Buffer
  /** The hash of those. */
  readonly tip: Buffer
  readonly #gpu: number
  readonly #cheat: Cheat
  readonly #digests: Matrix
  readonly #trees = new Map<number, Tree & { groups: Buffer[] }>()
  #swept: { u: Matrix[]; tree: Tree } | null = null

  constructor({ sizes, ...challenge }: Challenge, gpu: number, cheat: Cheat = {}) {
    const seed = cheat.seed ?? challenge.seed
    this.sizes = sizes
    this.#gpu = cheat.gpu ?? gpu
    this.#cheat = cheat
    const own = gseed(seed, this.#gpu)
    this.#digests = matrix('X', seed, sizes.w, sizes.n)
    this.states = chain(matrix('W', own, sizes.n, sizes.n), matrix('S', own, sizes.n, sizes.n), sizes, cheat)
    this.roots = Buffer.concat(Array.from({ length: sizes.K }, (_, t) => rootOf(this.#tree(t + 1).levels)))
    this.tip = hash(this.roots)
  }

  /** Carries U through the states; may be done again, with another nonce. */
  sweep(nonce: Uint8Array): this {
    const { lanes, n, Q } = this.sizes
    const fresh = matrix('U', gseed(this.#cheat.nonce ?? nonce, this.#gpu), (Q + 1) * lanes, n)
    const u = this.#sweep(fresh)
    this.#swept = { u, tree: tree(u.flat().map(bytesOf)) }
    return this
  }

  /** U_0 … U_Q. */
  get u(): Matrix[] {
    return this.#sweptOnce().u
  }

  get transcript(): Transcript {
    const { tree } = this.#sweptOnce()
    const swr = rootOf(tree.levels)
    return { tip: this.tip, roots: this.roots, swp: hash(swr), swr }
  }

  /** All openings, in the order of the request. */
  open({ rows, u }: OpenRequest): Buffer[] {
    return [...rows.map(([t, i]) => this.openRow(t, i)), ...u.map(([q, l]) => this.openLane(q, l))]
  }

  openRow(t: number, i: number): Buffer {
    const { groups, leaves, levels } = this.#tree(t)
    const j = Math.floor(i / this.sizes.f)
    return Buffer.concat([bytesOf(at(at(this.states, t), i)), at(groups, j), at(leaves, j), path(levels, j)])
  }

  openLane(q: number, lane: number): Buffer {
    const { leaves, levels } = this.#sweptOnce().tree
    const index = q * this.sizes.lanes + lane
    return Buffer.concat([at(leaves, index), path(levels, index)])
  }

  #tree(t: number): Tree & { groups: Buffer[] } {
    const known = this.#trees.get(t)
    if (known) return known
    const { n, f } = this.sizes
    const digests = at(this.states, t).map((row) => digest(row, this.#digests))
    const groups = Array.from({ length: n / f }, (_, j) => Buffer.concat(digests.slice(j * f, (j + 1) * f)))
    const made = { groups, ...tree(groups.map((group) => digest(new Int8Array(group), this.#digests))) }
    this.#trees.set(t, made)
    return made
  }

  #sweptOnce(): { u: Matrix[]; tree: Tree } {
    if (!this.#swept) throw new Error('this GPU was not told to sweep')
    return this.#swept
  }

  #sweep(fresh: Matrix): Matrix[] {
    const { lanes, Q } = this.sizes
    const { start, step } = this.#cheat
    const first = fresh.slice(0, lanes)
    const u = [start ? start(first) : first]
    for (let q = 0; q < Q; q++) {
      const before = at(u, q)
      const right = () => before.map((row, lane) => this.#next(q, row, at(fresh, freshRow(q + 1, lane, this.sizes))))
      u.push(step ? step(q, before, right) : right())
    }
    return u
  }

  /** One row of U_{q+1} from the row of U_q. */
  #next(q: number, row: Int8Array, fresh: Int8Array): Int8Array {
    const states = statesOfStep(q, this.sizes).map((t) => at(this.states, t))
    const entry = (i: number) =>
      sweepByte(
        row,
        states.map((s) => at(s, i)),
        fresh[i] ?? 0,
      )
    return row.map((_, i) => entry(i))
  }
}

function chain(weights: Matrix, first: Matrix, sizes: Sizes, { round }: Cheat): Matrix[] {
  const states = [first]
  for (let t = 0; t < sizes.K; t++) {
    const before = at(states, t)
    const fresh = (a: number, i: number) => at(first, a)[freshColumn(t, i, sizes)] ?? 0
    const right = () => weights.map((w, a) => w.map((_, i) => chainByte(w, at(before, i), fresh(a, i))))
    states.push(round ? round(t, before, right) : right())
  }
  return states
}

/** Rows out of the pseudo-random matrix of a seed. */
export function matrix(tag: Tag, seed: Uint8Array, rows: number, columns: number): Matrix {
  const of = key(tag, seed)
  return Array.from({ length: rows }, (_, r) => prfRow(of, r, new Int8Array(columns)))
}

/** The same matrix with its rows moved on by one: what one who saves the work may have at hand. */
export const rolled = (m: Matrix): Matrix => m.map((_, i) => at(m, (i + 1) % m.length))

export const bytesOf = (row: Int8Array): Buffer => Buffer.from(row.buffer, row.byteOffset, row.length)

/** row·Xᵀ over the columns that the row has: w int32, little-endian. */
export function digest(row: Int8Array, x: Matrix): Buffer {
  return Buffer.from(Int32Array.from(x, (of) => dot(row, of)).buffer)
}

function tree(leaves: Uint8Array[]): Tree {
  return { leaves, levels: grow(leaves.map(leafHash)) }
}

/** All levels of a tree over hashes, filled up with zeros to a power of two: the root stands alone in the last. */
export function grow(hashes: Buffer[]): Buffer[][] {
  let level = hashes
  while (!Number.isInteger(Math.log2(level.length))) level.push(Buffer.alloc(32))
  const levels = [level]
  while (level.length > 1) {
    level = level.flatMap((hash, i) => (i % 2 === 0 ? [nodeHash(hash, at(level, i + 1))] : []))
    levels.push(level)
  }
  return levels
}

export const rootOf = (levels: Buffer[][]): Buffer => at(at(levels, levels.length - 1), 0)

/** The siblings of a leaf, from the bottom up. */
export function path(levels: Buffer[][], index: number): Buffer {
  return Buffer.concat(levels.slice(0, -1).map((level, height) => at(level, Math.floor(index / 2 ** height) ^ 1)))
}

/** An element that is there. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`nothing at ${index} of ${list.length}`)
  return found
}

/** Numbers that are the same in every run. */
export function fixedRandom(seed: number): Random {
  const of = key('U', Buffer.from(`random ${seed}`))
  let next = 0
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => word(of, next++) & 255))
  return { bytes, below: (limit) => Math.floor((word(of, next++) / 2 ** 32) * limit) }
}
