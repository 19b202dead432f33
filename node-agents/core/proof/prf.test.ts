import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { VECTORS } from '../../../test/support/pog.ts'
import { gseed, key, prfEntry, prfRow, word } from './prf.ts'

const seed = Buffer.from(VECTORS.seed, 'hex')

describe('the pseudo-random matrices', () => {
  it.each(VECTORS.words)('word $index of $tag', ({ tag, index, word: expected }) => {
    expect(word(key(tag, seed), index)).toBe(expected)
  })

  it.each(VECTORS.gseeds)('the seed of GPU $gpu', ({ gpu, gseed: expected }) => {
    expect(gseed(seed, gpu).toString('hex')).toBe(expected)
  })

  it.each(VECTORS.rows)('row $row of $tag of GPU $gpu at n=$n', ({ tag, gpu, n, row, first, sha256 }) => {
    const made = prfRow(key(tag, gseed(seed, gpu)), row, new Int8Array(n))
    expect([...made.subarray(0, 8)]).toEqual(first)
    for (const column of [0, 1, 2, 3, n - 1]) expect(prfEntry(key(tag, gseed(seed, gpu)), row, column, n)).toBe(made[column])
    expect(createHash('sha256').update(made).digest('hex')).toBe(sha256)
  })
})
