import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { climb, levels } from './merkle.ts'

const sha = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
const leaf = (bytes: Uint8Array) => sha(Buffer.of(0), bytes)
const node = (left: Uint8Array, right: Uint8Array) => sha(Buffer.of(1), left, right)
const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer, Buffer]
const [ab, cd] = [node(leaf(a), leaf(b)), node(leaf(c), leaf(d))]
const root = node(ab, cd)

describe('trees', () => {
  it('a leaf climbs to the root by its siblings', () => {
    expect(climb(c, 2, Buffer.concat([leaf(d), ab]))).toEqual(root)
    expect(climb(b, 1, Buffer.concat([leaf(a), cd]))).toEqual(root)
    expect(climb(a, 0, Buffer.alloc(0))).toEqual(leaf(a))
  })

  it.each([
    ['another place', () => climb(c, 3, Buffer.concat([leaf(d), ab]))],
    ['another leaf', () => climb(d, 2, Buffer.concat([leaf(d), ab]))],
    ['the siblings in another order', () => climb(c, 2, Buffer.concat([ab, leaf(d)]))],
    ['a node passed off as a leaf', () => climb(Buffer.concat([leaf(a), leaf(b)]), 0, cd)],
  ])('%s does not', (_, climbed) => {
    expect(climbed()).not.toEqual(root)
  })

  it('has the levels of the next power of two', () => {
    expect([1, 2, 3, 4, 5, 2048, 2049, 2 ** 22].map(levels)).toEqual([0, 1, 2, 2, 3, 11, 12, 22])
    fc.assert(fc.property(fc.integer({ min: 2, max: 2 ** 30 }), (n) => 2 ** levels(n) >= n && 2 ** (levels(n) - 1) < n))
  })
})
