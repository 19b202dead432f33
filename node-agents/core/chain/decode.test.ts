import { TypeRegistry } from '@polkadot/types'
import { describe, expect, test } from 'vitest'
import { Decoder, type Described } from './decode.ts'

/** Bytes are the SDK's, never our own. */
const sdk = new TypeRegistry()
const encode = (type: string, value: unknown) => Buffer.from(sdk.createTypeUnsafe(type, [value]).toU8a())
const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

const U8 = 0
const U16 = 1
const U64 = 2
const ACCOUNT = 3
const prim = (name: string): Described => ({ kind: 'primitive', name })
const BASE = [prim('U8'), prim('U16'), prim('U64'), { kind: 'composite', path: 'sp_core::crypto::AccountId32', fields: [] }] satisfies Described[]

/** The type under test has the number 4, what it is made of the numbers above. */
function read(bytes: Buffer, type: Described, ...more: Described[]) {
  const table = [...BASE, type, ...more]
  return new Decoder((id) => table[id] ?? { kind: 'other', name: 'nothing' }).read(4, { bytes, at: 0 })
}

const option = (type: number): Described => ({
  kind: 'variant',
  path: 'Option',
  variants: [
    { index: 0, name: 'None', fields: [] },
    { index: 1, name: 'Some', fields: [{ name: null, type }] },
  ],
})

describe('what the SDK encodes is read as plain values', () => {
  test.each([
    ['u32', 4_294_967_295, prim('U32'), 4_294_967_295],
    ['u64', 2n ** 63n, prim('U64'), 2n ** 63n],
    ['u128', 2n ** 127n + 5n, prim('U128'), 2n ** 127n + 5n],
    ['i16', -300, prim('I16'), -300],
    ['i128', -5n, prim('I128'), -5n],
    ['bool', true, prim('Bool'), true],
    ['Text', 'τao', prim('Str'), 'τao'],
    ['Bytes', '0x0102ff', { kind: 'sequence', type: U8 }, '0x0102ff'],
    ['[u8; 3]', '0x0102ff', { kind: 'array', type: U8, length: 3 }, '0x0102ff'],
    ['Vec<u16>', [1, 2, 65_535], { kind: 'sequence', type: U16 }, [1, 2, 65_535]],
    ['(u16,u64)', [7, 8], { kind: 'tuple', types: [U16, U64] }, [7, 8n]],
    ['AccountId', ALICE, { kind: 'composite', path: 'x::Newtype', fields: [{ name: null, type: ACCOUNT }] }, ALICE],
    ['Option<u16>', null, option(U16), null],
    ['Option<u16>', 9, option(U16), 9],
    ['Null', null, { kind: 'tuple', types: [] }, null],
  ] as [string, unknown, Described, unknown][])('%s %s', (type, value, as, plain) => {
    expect(read(encode(type, value), as)).toEqual(plain)
  })

  test.each([0, 1, 63, 64, 16_383, 16_384, 2 ** 30 - 1, 2 ** 30, 2 ** 32 - 1])('a compact %i', (n) => {
    expect(read(encode('Compact<u32>', n), { kind: 'compact', type: 5 }, prim('U32'))).toBe(n)
    expect(read(encode('Compact<u64>', n), { kind: 'compact', type: U64 })).toBe(BigInt(n))
  })

  test.each([2n ** 32n, 2n ** 56n - 1n, 2n ** 64n - 1n])('a compact %i', (n) => {
    expect(read(encode('Compact<u64>', n), { kind: 'compact', type: U64 })).toBe(n)
  })

  test('a struct, its fields as the SDKs spell them', () => {
    const fields = [
      { name: 'ip_type', type: U8 },
      { name: 'placeholder1', type: U16 },
    ]
    expect(read(encode('(u8,u16)', [4, 9]), { kind: 'composite', path: 'x::Info', fields })).toEqual({ ipType: 4, placeholder1: 9 })
  })

  test('an enum, with and without something in it', () => {
    const enumeration: Described = {
      kind: 'variant',
      path: 'x::Mode',
      variants: [
        { index: 0, name: 'Off', fields: [] },
        { index: 3, name: 'On', fields: [{ name: 'by', type: U16 }] },
      ],
    }
    expect(read(Buffer.of(0), enumeration)).toBe('Off')
    expect(read(Buffer.of(3, 1, 0), enumeration)).toEqual({ type: 'On', value: { by: 1 } })
    expect(() => read(Buffer.of(9), enumeration)).toThrow(expect.objectContaining({ code: 'Undecodable' }))
  })

  test('a type that contains itself', () => {
    expect(read(encode('Option<Option<Option<u16>>>', null), option(4))).toBeNull()
    expect(read(Buffer.of(1, 1, 0), option(4))).toBeNull()
  })
})

test.each([
  ['too few bytes', Buffer.of(1, 2), { kind: 'array', type: U16, length: 2 }],
  ['a length beyond the end', Buffer.of(0xfe, 0xff, 0xff, 0xff, 1), { kind: 'sequence', type: U8 }],
  ['a type of another world', Buffer.of(1), { kind: 'other', name: 'BitSequence' }],
] as [string, Buffer, Described][])('%s are refused', (_, bytes, type) => {
  expect(() => read(bytes, type)).toThrow(expect.objectContaining({ name: 'ChainError', code: 'Undecodable' }))
})
