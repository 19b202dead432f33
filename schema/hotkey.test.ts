import { decodeAddress, encodeAddress } from '@polkadot/util-crypto'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeHotkey, encodeHotkey, hotkey } from './hotkey.ts'

const publicKey = fc.uint8Array({ minLength: 32, maxLength: 32 })
const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

it('writes and reads addresses as @polkadot/util-crypto does', () => {
  fc.assert(
    fc.property(publicKey, (key) => {
      const address = encodeAddress(key, 42)
      expect(encodeHotkey(key)).toBe(address)
      expect(decodeHotkey(address)).toEqual(key)
      expect(decodeAddress(encodeHotkey(key), false, 42)).toEqual(key)
    }),
  )
})

it('takes no address of another network', () => {
  fc.assert(
    fc.property(publicKey, fc.integer({ min: 0, max: 16383 }), (key, format) => {
      fc.pre(format !== 42 && format !== 46 && format !== 47) // 46 and 47 are reserved: there are no such addresses
      expect(decodeHotkey(encodeAddress(key, format))).toBeNull()
    }),
  )
})

it('notices any one changed character', () => {
  const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  fc.assert(
    fc.property(publicKey, fc.nat(46), fc.constantFrom(...BASE58), (key, at, letter) => {
      const address = encodeHotkey(key)
      fc.pre(address[at] !== letter)
      expect(decodeHotkey(address.slice(0, at) + letter + address.slice(at + 1))).toBeNull()
    }),
    { numRuns: 1000, seed: 42 }, // the checksum has 16 bits: one change in 65,536 may go through
  )
})

it('reads nothing out of any other text', () => {
  fc.assert(fc.property(fc.string(), (text) => decodeHotkey(text) === null))
})

it.each([
  ['empty', ''],
  ['cut short', ALICE.slice(0, -1)],
  ['one longer', `${ALICE}1`],
  ['a space behind', `${ALICE} `],
  ['a line break behind', `${ALICE}\n`],
  ['letters base58 has not', `${ALICE.slice(0, -2)}0O`],
  ['60,000 letters', 'z'.repeat(60_000)],
])('refuses an address: %s', (_, address) => {
  expect(hotkey.safeParse(address).success).toBe(false)
})

it('takes the address everybody knows', () => {
  expect(hotkey.parse(ALICE)).toBe(ALICE)
  expect(() => encodeHotkey(new Uint8Array(33))).toThrow(RangeError)
})
