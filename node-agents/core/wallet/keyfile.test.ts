import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Mistake } from '../mistake.ts'
import { readKeyFile } from './keyfile.ts'

const text = () => fc.oneof(fc.string(), fc.stringMatching(/^(0x)?[0-9a-f]{62,66}$/), fc.stringMatching(/^([a-z]{3,8} ){11,12}[a-z]{3,8}$/))
const field = () => fc.oneof(text(), fc.constant(null), fc.integer())
const keyFile = () =>
  fc.record(
    { secretPhrase: field(), secretSeed: field(), privateKey: field(), publicKey: field(), ss58Address: field(), cryptoType: field() },
    { requiredKeys: [] },
  )

/** Everything that an error would carry into a log. */
const said = (error: Mistake) => `${error.message} ${String(error.cause)}`

describe('a key file with anything in it', () => {
  it('is read, or is a mistake of the operator', () => {
    const anything = fc.oneof(
      text(),
      fc.json(),
      keyFile().map((f) => JSON.stringify(f)),
    )
    fc.assert(
      fc.property(anything, (content) => {
        try {
          expect(readKeyFile('/w/hotkey', content).secret).toHaveLength(64)
        } catch (error) {
          expect(error).toBeInstanceOf(Mistake)
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['a phrase with a slip', 'zebra bottomm drive obey lake curtain smoke basket hold race lonely fit'],
    ['a phrase too short', 'zebra'],
    ['JSON with a slip', '{"secretPhrase" "zebra'],
    ['JSON of a phrase with a slip', JSON.stringify({ secretPhrase: 'zebra zebraa' })],
    ['a seed with a slip', JSON.stringify({ secretSeed: '0xzebra' })],
    ['a private key with a slip', JSON.stringify({ privateKey: '0xzebra', ss58Address: 'x' })],
    ['a secret that is no text', JSON.stringify({ secretSeed: ['zebra'] })],
  ])('is never cited: %s', (_, content) => {
    const read = () => readKeyFile('/w/hotkey', content)
    expect(read).toThrow(Mistake)
    try {
      read()
    } catch (error) {
      expect(said(error as Mistake)).not.toMatch(/zebra|bottomm/)
    }
  })
})
