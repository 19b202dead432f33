import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Malformed } from './fault.ts'
import { LINE_LIMIT, lineLimit, Lines, TOTAL_LIMIT } from './lines.ts'
import { MAX, rowOpeningBytes, type Sizes } from './sizes.ts'

const SIZES: Sizes = { n: 16_384, K: 300, w: 256, f: 8, lanes: 8, r: 4, Q: 1500 }

describe('lines', () => {
  it('come out as they went in, however they are cut', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom('a', '"', 'é', '😀', '\r', '\0'), maxLength: 8 }))
    fc.assert(
      fc.property(texts, fc.array(fc.nat(200), { maxLength: 20 }), fc.string({ maxLength: 5 }), (texts, cuts, rest) => {
        const all = Buffer.from(texts.map((text) => `${text}\n`).join('') + rest.replaceAll('\n', ''))
        const lines = new Lines(200)
        const places = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length]
        const read = places.flatMap((from, i) => [...lines.push(all.subarray(from, places[i + 1] ?? all.length))])
        expect(read).toEqual(texts.map((text) => Buffer.from(text).toString()))
      }),
    )
  })

  it('as long as they may be, and no longer', () => {
    const lines = new Lines(8)
    expect([...lines.push(Buffer.from('12345678\n1234'))]).toEqual(['12345678'])
    expect([...lines.push(Buffer.from('5678\n'))]).toEqual(['12345678'])
    expect(() => [...lines.push(Buffer.from('123456789\n'))]).toThrow('a line of more than 8 bytes')
  })

  it('one without end is refused before it is whole', () => {
    const lines = new Lines(LINE_LIMIT)
    const chunk = Buffer.alloc(1024, 120)
    for (let sent = 0; sent < LINE_LIMIT; sent += chunk.length) expect([...lines.push(chunk)]).toEqual([])
    expect(() => [...lines.push(chunk)]).toThrow(Malformed)
  })

  it('those before one that is too long are still given', () => {
    const read: string[] = []
    const push = () => {
      for (const line of new Lines(4).push(Buffer.from('a\nb\nccccc\n'))) read.push(line)
    }
    expect(push).toThrow(Malformed)
    expect(read).toEqual(['a', 'b'])
  })

  it('no more than so many bytes in all', () => {
    const lines = new Lines(10, 25)
    expect([...lines.push(Buffer.from('123456789\n123456789\n'))]).toHaveLength(2)
    expect([...lines.push(Buffer.from('1234\n'))]).toEqual(['1234'])
    expect(() => [...lines.push(Buffer.from('\n'))]).toThrow('more than 25 bytes in all')
    expect(TOTAL_LIMIT).toBe(67_108_864)
  })
})

describe('the longest line', () => {
  it('is 64 KiB, unless roots or an opening must be longer', () => {
    expect(lineLimit(SIZES)).toBe(65_536)
    expect(lineLimit({ ...SIZES, n: 32_768 })).toBe(65_536)
    const largest = { ...MAX, f: 8 }
    const line = JSON.stringify({ t: 'o', g: 63, k: 2047, d: Buffer.alloc(rowOpeningBytes(largest)).toString('base64') })
    expect(line.length).toBeGreaterThan(65_536)
    expect(lineLimit(largest) - line.length).toBeGreaterThanOrEqual(0)
    expect(lineLimit(largest) - line.length).toBeLessThan(64)
  })
})
