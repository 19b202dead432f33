import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Sizes } from '../sizes.ts'
import { commitment } from './commitment.ts'
import type { Committed } from './types.ts'

const SIZES: Sizes = { n: 64, K: 2, w: 4, f: 4, lanes: 1, r: 1, Q: 2 }
const seed = Buffer.alloc(32, 1)
const of = (gpu: number): Committed => ({
  gpu,
  nonce: Buffer.alloc(32, 10 + gpu),
  transcript: { tip: Buffer.alloc(32, 20 + gpu), roots: Buffer.alloc(64, 30 + gpu), swp: Buffer.alloc(32, 40 + gpu), swr: Buffer.alloc(32, 50 + gpu) },
})

it('is the same for the same, and has 64 digits', () => {
  expect(commitment(SIZES, seed, [of(0), of(1)])).toBe(commitment({ ...SIZES }, Buffer.from(seed), [of(0), of(1)]))
  expect(commitment(SIZES, seed, [of(0)])).toMatch(/^[0-9a-f]{64}$/)
})

it('is another for every other byte, size and order', () => {
  const right = commitment(SIZES, seed, [of(0), of(1)])
  const others = [commitment(SIZES, seed, [of(1), of(0)]), commitment(SIZES, seed, [of(0)]), commitment(SIZES, seed, [of(0), { ...of(1), gpu: 2 }])]
  for (const name of Object.keys(SIZES) as (keyof Sizes)[]) others.push(commitment({ ...SIZES, [name]: SIZES[name] + 1 }, seed, [of(0), of(1)]))
  expect(new Set([right, ...others]).size).toBe(others.length + 1)
  const parts = (first: Committed, own: Buffer) => [own, first.nonce, ...Object.values(first.transcript)]
  fc.assert(
    fc.property(fc.nat(5), fc.nat(), fc.integer({ min: 1, max: 255 }), (part, at, by) => {
      const [own, first] = [Buffer.from(seed), of(0)]
      const bytes = parts(first, own)[part] ?? own
      bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ by
      expect(commitment(SIZES, own, [first, of(1)])).not.toBe(right)
    }),
  )
})
