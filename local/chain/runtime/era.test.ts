import { TypeRegistry } from '@polkadot/types'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { mortal } from './era.ts'

const registry = new TypeRegistry()

test('is born and dies as the public client says', () => {
  const period = fc.integer({ min: 2, max: 16 }).map((power) => 2 ** power)
  fc.assert(
    fc.property(period, fc.nat(10_000_000), fc.nat(5000), (period, signedAt, later) => {
      const bytes = registry.createType('ExtrinsicEra', { current: signedAt, period }).toU8a()
      const era = registry.createType('ExtrinsicEra', bytes) // which has lost what the two bytes cannot say
      const [low = 0, high = 0] = bytes
      const at = signedAt + later
      expect(mortal(low, high, at)).toEqual({ birth: era.asMortalEra.birth(at), death: era.asMortalEra.death(at) })
    }),
  )
})

test('is none with a phase beyond its period', () => {
  expect(() => mortal(0b0001_0001 | 0xf0, 0xff, 100)).toThrow(/no era/)
})
