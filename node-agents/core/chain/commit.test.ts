import { TypeRegistry } from '@polkadot/types'
import { blake2AsHex } from '@polkadot/util-crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commitHash, weightsPayload } from './commit.ts'
import { compact } from './scale.ts'

const registry = new TypeRegistry()
const ALICE = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

const short = fc.integer({ min: 0, max: 65_535 })
const call = fc.record({
  netuid: fc.integer({ min: 0, max: 4095 }),
  mechanism: fc.integer({ min: 0, max: 15 }),
  uids: fc.array(short, { maxLength: 300 }),
  values: fc.array(short, { maxLength: 300 }),
  versionKey: fc.maxSafeNat(),
})

describe('what is hashed and encrypted of weights, against the SDK', () => {
  it('hashes as the chain does', () => {
    fc.assert(
      fc.property(call, fc.array(short, { maxLength: 70 }), (weights, salt) => {
        const tuple = '(AccountId, u16, Vec<u16>, Vec<u16>, Vec<u16>, u64)' as const
        const { netuid, mechanism, uids, values, versionKey } = weights
        const bytes = registry.createTypeUnsafe(tuple, [[ALICE, mechanism * 4096 + netuid, uids, values, salt, versionKey]]).toU8a()
        expect(commitHash(ALICE, weights, salt)).toBe(blake2AsHex(bytes))
      }),
      { numRuns: 60 },
    )
  })

  it('makes the payload of a timelocked commit', () => {
    fc.assert(
      fc.property(call, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), ({ uids, values }, versionKey) => {
        const struct = registry.createTypeUnsafe('(Bytes, Vec<u16>, Vec<u16>, u64)', [
          [registry.createType('AccountId', ALICE).toU8a(), uids, values, versionKey].map((v) =>
            v instanceof Uint8Array ? `0x${Buffer.from(v).toString('hex')}` : v,
          ),
        ])
        expect(Buffer.from(weightsPayload(ALICE, uids, values, versionKey)).toString('hex')).toBe(Buffer.from(struct.toU8a()).toString('hex'))
      }),
      { numRuns: 60 },
    )
  })

  it.each([0, 63, 64, 16_383, 16_384, 2 ** 30 - 1])('writes the length %i', (n) => {
    expect([...compact(n)]).toEqual([...registry.createType('Compact<u32>', n).toU8a()])
  })

  it.each([
    ['a weight over 16 bits', () => weightsPayload(ALICE, [1], [65_536], 0n)],
    ['a weight below zero', () => weightsPayload(ALICE, [1], [-1], 0n)],
    ['a version key over 64 bits', () => weightsPayload(ALICE, [1], [1], 2n ** 64n)],
    ['a hotkey that is none', () => weightsPayload('5G', [1], [1], 0n)],
    ['a broken number', () => weightsPayload(ALICE, [1], [0.5], 0n)],
    ['a length of 2^30', () => compact(2 ** 30)],
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(RangeError)
  })
})
