import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { chainByte } from '../../node-agents/core/proof/chain.ts'
import { gseed } from '../../node-agents/core/proof/prf.ts'
import { statesOfStep, sweepByte } from '../../node-agents/core/proof/sweep.ts'
import { at, bytesOf, type Cheat, type Matrix, matrix, SlowGpu } from '../support/pog.ts'

/**
 * The vectors that the design published before rounds and steps took anything fresh: whoever leaves that out gets them to the last bit,
 * so all the rest of the arithmetic, and the commitments, are as designed. No verifier accepts what is made so.
 */
const PUBLISHED = [
  {
    sizes: { n: 64, K: 4, w: 4, f: 4, lanes: 8, r: 2, Q: 6 },
    first: [113, 39, -80, -124, 117, 2, -38, 112],
    roots: ['44142355e70aba1239692fa176c46d16245f019562bde99301c2f60dd6c8fa21', '25c41ad056c4159cd1ba374c94b13c3b9d601516a8a692d672e06f810a12cd42'],
    last: '5012e134de5482b860c36423aa30ce265991cdedfa8cb1e9806a69a4f415964f',
    swept: '62da8dee90abf924dea8957e29d489bc8874c9779c6462487cc0457c6c2d98ae',
  },
  {
    sizes: { n: 256, K: 8, w: 16, f: 4, lanes: 8, r: 4, Q: 6 },
    first: [71, -2, -20, 45, -57, 9, 55, 115],
    roots: ['7cf0697e64a4b1f540c602301f724e5cc1da4ce4cd4ddddf2dde7f6f2c975d00', '91cd4ecf6e2d8f86df582ed49661d91891be9a40168051468a25ffac55d021f8'],
    last: 'db5e9f5d288deb73f4bce121173daf1f1b0b73b7aaa87d077e96cbb55802a35f',
    swept: '1d9c64538d79c217833df460e2e3991013e3e7e11b72f130adba4b2128e5777e',
  },
  {
    sizes: { n: 1024, K: 4, w: 64, f: 4, lanes: 8, r: 4, Q: 4 },
    first: [104, -70, 96, 102, 54, -31, 11, -118],
    roots: ['e6d24584d08fd097422930c30d3c9b49c031763cf13f897912f5d42dfd856392', 'a62be8cb75f73262a957d4ff0f184fc293e0a98cd3146670b52ac5d1043c456a'],
    last: '72ee184002937270704a9c99f75e4cf9250e6e0e89c28d100a45bcb0d3d25eb0',
    swept: 'db9a070205686a3c253658ab267718535762802a11aa5b35bb5c248d2f343f45',
  },
]
const SEED = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
const NONCE = Buffer.from(Array.from({ length: 32 }, (_, i) => 32 + i))

it.each(PUBLISHED)('without anything fresh the vectors of n=$sizes.n are those of the design', ({ sizes, first, roots, last, swept }) => {
  const weights = matrix('W', gseed(SEED, 0), sizes.n, sizes.n)
  const cheat: Cheat = {
    round: (_, before) => weights.map((row) => row.map((_, i) => chainByte(row, at(before, i), 0))),
    step: (q, before) => before.map((row) => row.map((_, i) => sweepByte(row, terms(q, i), 0))),
  }
  const gpu = new SlowGpu({ sizes, seed: SEED }, 0, cheat)
  const terms = (q: number, i: number) => statesOfStep(q, sizes).map((t) => at(at(gpu.states, t), i))
  expect([...at(at(gpu.states, 1), 0).subarray(0, 8)]).toEqual(first)
  expect([gpu.roots.subarray(0, 32).toString('hex'), gpu.roots.subarray(-32).toString('hex')]).toEqual(roots)
  expect(hashOf(at(gpu.states, sizes.K))).toBe(last)
  expect(hashOf(at(gpu.sweep(NONCE).u, sizes.Q))).toBe(swept)
})

const hashOf = (rows: Matrix): string =>
  createHash('sha256')
    .update(Buffer.concat(rows.map(bytesOf)))
    .digest('hex')
