import { chainByte, freshColumn } from '../../node-agents/core/proof/chain.ts'
import type { Challenge } from '../../node-agents/core/proof/gpu.ts'
import { hash, HASH_BYTES, leafHash } from '../../node-agents/core/proof/merkle.ts'
import { gseed, key, prfEntry, prfRow } from '../../node-agents/core/proof/prf.ts'
import { cryptoRandom } from '../../node-agents/core/proof/random.ts'
import { dueOpenings, openRequest } from '../../node-agents/core/proof/request.ts'
import type { Sample } from '../../node-agents/core/proof/sample.ts'
import type { Sizes } from '../../node-agents/core/proof/sizes.ts'
import { freshRow, statesOfStep, sweepByte } from '../../node-agents/core/proof/sweep.ts'
import type { Transcript } from '../../node-agents/core/proof/transcript.ts'
import { bytesOf, digest, grow, type Matrix, path, rootOf } from '../support/pog.ts'

/** Rows by their number, in matrices by theirs. */
type Rows = Map<number, Map<number, Int8Array>>
type Sealed = { root: Buffer; open: (row: number) => Buffer }

/**
 * What a GPU sends at sizes whose chain no CPU computes in time. It knows beforehand what will be drawn, and makes only the rows that are
 * asked for: each entry that is looked at is right, all else random, in trees that hold. Verifying it takes the steps that a real one takes.
 * @param x the matrix of the digests
 */
export function contrive(challenge: Challenge, nonce: Uint8Array, gpu: number, sample: Sample, x: Matrix): { transcript: Transcript; openings: Buffer[] } {
  const { sizes } = challenge
  const states = chained(challenge, gpu, sample)
  const u = swept(sizes, gseed(nonce, gpu), sample, states)
  const sealed = new Map([...states].map(([t, rows]) => [t, seal(rows, sizes, x)]))
  const roots = Buffer.concat(Array.from({ length: sizes.K }, (_, t) => sealed.get(t + 1)?.root ?? noise(HASH_BYTES)))
  const { levels, open } = sealSweep(u, sizes)
  const swr = rootOf(levels)
  const request = openRequest(dueOpenings(sample, sizes))
  return {
    transcript: { tip: hash(roots), roots, swp: hash(swr), swr },
    openings: [...request.rows.map(([t, i]) => sealed.get(t)?.open(i) ?? noise(0)), ...request.u.map(([q, lane]) => open(q, lane))],
  }
}

const noise = (length: number) => Buffer.from(cryptoRandom.bytes(length))

/** A row: random when it is first asked for. */
function rowOf(rows: Rows, matrix: number, row: number, n: number): Int8Array {
  const of = rows.get(matrix) ?? new Map<number, Int8Array>()
  const found = of.get(row) ?? new Int8Array(noise(n))
  rows.set(matrix, of.set(row, found))
  return found
}

/** Round after round, so that a row is finished before anything follows from it. */
function chained({ seed, sizes }: Challenge, gpu: number, { chain, sweep }: Sample): Rows {
  const { n } = sizes
  const own = gseed(seed, gpu)
  const rows: Rows = new Map()
  for (const { t, a, i } of chain) {
    const before = t === 0 ? prfRow(key('S', own), i, new Int8Array(n)) : rowOf(rows, t, i, n)
    const fresh = prfEntry(key('S', own), a, freshColumn(t, i, sizes), n)
    rowOf(rows, t + 1, a, n)[i] = chainByte(prfRow(key('W', own), a, new Int8Array(n)), before, fresh)
  }
  for (const { q, i } of sweep) for (const t of statesOfStep(q, sizes)) rowOf(rows, t, i, n)
  return rows
}

function swept(sizes: Sizes, own: Uint8Array, { sweep }: Sample, states: Rows): Rows {
  const { n } = sizes
  const rows: Rows = new Map()
  for (const { q, lane, i } of sweep) {
    const read = statesOfStep(q, sizes).map((t) => rowOf(states, t, i, n))
    const fresh = prfEntry(key('U', own), freshRow(q + 1, lane, sizes), i, n)
    rowOf(rows, q + 1, lane, n)[i] = sweepByte(rowOf(rows, q, lane, n), read, fresh)
  }
  return rows
}

function seal(rows: Map<number, Int8Array>, { n, w, f }: Sizes, x: Matrix): Sealed {
  const groups = new Map<number, Buffer>()
  for (const [i, row] of rows) {
    const group = groups.get(Math.floor(i / f)) ?? noise(4 * w * f)
    group.set(digest(row, x), 4 * w * (i % f))
    groups.set(Math.floor(i / f), group)
  }
  const leaves = new Map([...groups].map(([j, group]) => [j, digest(new Int8Array(group), x)]))
  const levels = grow(Array.from({ length: n / f }, (_, j) => hashOr(leaves.get(j))))
  const parts = (j: number) => [groups.get(j) ?? noise(0), leaves.get(j) ?? noise(0), path(levels, j)]
  return { root: rootOf(levels), open: (i) => Buffer.concat([bytesOf(rows.get(i) ?? new Int8Array(0)), ...parts(Math.floor(i / f))]) }
}

function sealSweep(u: Rows, { lanes, Q }: Sizes): { levels: Buffer[][]; open: (q: number, lane: number) => Buffer } {
  const leaf = (q: number, lane: number) => u.get(q)?.get(lane)
  const hashes = Array.from({ length: (Q + 1) * lanes }, (_, at) => {
    const row = leaf(Math.floor(at / lanes), at % lanes)
    return hashOr(row && bytesOf(row))
  })
  const levels = grow(hashes)
  return { levels, open: (q, lane) => Buffer.concat([bytesOf(leaf(q, lane) ?? new Int8Array(0)), path(levels, q * lanes + lane)]) }
}

const hashOr = (leaf: Uint8Array | undefined): Buffer => (leaf ? leafHash(leaf) : noise(HASH_BYTES))
