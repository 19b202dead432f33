import { TypeRegistry } from '@polkadot/types'
import { describe, expect, test } from 'vitest'
import { parsePayload } from './payload.ts'
import { commitHashOf } from './reveal.ts'
import { upscale, withinLimit } from './rules.ts'

const HOTKEY = `0x${'ab'.repeat(32)}`
const registry = new TypeRegistry()
const scale = (type: string, value: unknown[]) => registry.createType(type, value).toU8a()

describe('a timelocked payload', () => {
  const many = Array.from({ length: 300 }, (_, i) => i)
  test.each([
    ['of few', [1, 2], [3, 65535]],
    ['of many', many, many],
    ['of none', [], []],
  ])('%s is read with its hotkey, and in the form without', (_, uids, values) => {
    expect(parsePayload(scale('(Bytes, Vec<u16>, Vec<u16>, u64)', [HOTKEY, uids, values, 183]))).toEqual({ hotkey: HOTKEY, uids, values, versionKey: 183n })
    expect(parsePayload(scale('(Vec<u16>, Vec<u16>, u64)', [uids, values, 183]))).toEqual({ hotkey: null, uids, values, versionKey: 183n })
  })

  test.each([[new Uint8Array()], [Uint8Array.of(1, 2, 3)], [new Uint8Array(40).fill(255)]])('is not what is cut off or no SCALE: %o', (bytes) => {
    expect(parsePayload(bytes)).toBeNull()
  })
})

test.each([0, 1, 70])('a commit hashes its %i uids as SCALE has them', (n) => {
  const list = Array.from({ length: n }, (_, i) => i * 900)
  const bytes = scale('(AccountId, u16, Vec<u16>, Vec<u16>, Vec<u16>, u64)', [HOTKEY, 4123, list, list, [7], 1n << 40n])
  const hash = registry.hash(bytes).toHex()
  expect(commitHashOf(HOTKEY, 4123, { uids: list, values: list, salt: [7], version_key: 1n << 40n })).toBe(hash)
})

test.each([
  [
    [1, 2],
    [32768, 65535],
  ],
  [
    [0, 0],
    [0, 0],
  ],
  [[65535], [65535]],
  [[], []],
])('%o is scaled up to %o', (values, expected) => expect(upscale(values)).toEqual(expected))

test.each<[number[], number, boolean]>([
  [[1, 0], 65535, true],
  [[1, 1], 32768, true],
  [[1, 1], 32767, false],
  [[], 0, true],
])('%o within %i of 65535 each: %s', (values, limit, expected) => expect(withinLimit(values, limit)).toBe(expected))
