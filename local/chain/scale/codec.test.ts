import { TypeRegistry } from '@polkadot/types'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Value } from '../types.ts'
import { toHex } from './bytes.ts'
import { Codec } from './codec.ts'
import { Types } from './types.ts'

const types = new Types()
types.declare(`
  Point = x::Point {x u8, far u64}
  Wrapped = x::Wrapped ([u8;4])
  Shape = x::Shape Dot 0 | Line 3: Point, Point | Named 7: of u16 | One 9: Vec<u8>
`)
const codec = new Codec(types)

/** The public client's encoding of the same. */
const registry = new TypeRegistry()
const theirs = (type: string, value: unknown) => toHex(registry.createType(type, value).toU8a())

describe('encodes as the public client does', () => {
  const compacts: [string, fc.Arbitrary<Value>][] = [
    ['Compact<u128>', fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })],
    ['Compact<u16>', fc.integer({ min: 0, max: 65_535 })],
    ['u8', fc.integer({ min: 0, max: 255 })],
    ['u32', fc.integer({ min: 0, max: 2 ** 32 - 1 })],
    ['u64', fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
    ['i128', fc.bigInt({ min: -(2n ** 127n), max: 2n ** 127n - 1n })],
    ['Vec<u16>', fc.array(fc.integer({ min: 0, max: 65_535 }))],
    ['Vec<(u16,u64)>', fc.array(fc.tuple(fc.integer({ min: 0, max: 65_535 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })))],
    ['Option<u64>', fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))],
    ['bool', fc.boolean()],
  ]
  test.each(compacts)('%s', (type, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = codec.encode(type, value)
        expect(toHex(bytes)).toBe(theirs(type, value))
        expect(codec.decode(type, bytes)).toEqual(value)
      }),
    )
  })
})

test.each<[string, Value, string]>([
  ['Point', { x: 1, far: 2n }, '0x010200000000000000'],
  ['Wrapped', '0x01020304', '0x01020304'],
  ['Shape', 'Dot', '0x00'],
  ['Shape', { Named: { of: 258 } }, '0x070201'],
  ['Shape', { One: '0xabcd' }, '0x0908abcd'],
  ['Option<Option<u8>>', null, '0x00'],
  ['Option<Option<u8>>', { Some: null }, '0x0100'],
  ['Option<Option<u8>>', { Some: 5 }, '0x010105'],
  ['str', 'hé', '0x0c68c3a9'],
  ['BoundedVec<u8>', '0x', '0x00'],
  ['[u16;2]', [1, 2], '0x01000200'],
])('%s, example %#', (type, value, hex) => {
  expect(toHex(codec.encode(type, value))).toBe(hex)
  expect(codec.decode(type, Buffer.from(hex.slice(2), 'hex'))).toEqual(value)
})

test.each<[string, Value]>([
  ['u8', 256],
  ['u8', -1],
  ['u64', 2n ** 64n],
  ['u16', 'three'],
  ['bool', 1],
  ['Point', { x: 1, y: 2 }],
  ['Shape', 'Circle'],
  ['Wrapped', '0x01'],
  ['(u8,u8)', [1]],
])('no %s, example %#', (type, value) => {
  expect(() => codec.encode(type, value)).toThrow(/^not a /)
})

test.each([
  ['u32', '010203'],
  ['u8', '0102'],
  ['Vec<u64>', 'fcffffffff'],
  ['Option<u8>', '0201'],
  ['Shape', '01'],
])('no %s is in %s', (type, hex) => {
  expect(() => codec.decode(type, Buffer.from(hex, 'hex'))).toThrow()
})
