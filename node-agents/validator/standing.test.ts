import { describe, expect, it } from 'vitest'
import type { Metagraph, Neuron } from '../core/chain/types.ts'
import { inTao } from '../core/chain/amount.ts'
import { standingOf, standingText } from './standing.ts'

const TAO = 1_000_000_000n
type Row = [hotkey: string, stake: bigint, permit: boolean]
const subnet = (...rows: Row[]) =>
  ({ neurons: rows.map(([hotkey, totalStake, validatorPermit], uid) => ({ uid, hotkey, totalStake, validatorPermit }) as Neuron) }) as Metagraph

describe('how a hotkey stands', () => {
  const limits = { stakeThreshold: 1000n * TAO, maxValidators: 2 }
  const of = (...rows: Row[]) => standingText(standingOf(subnet(...rows), 'me', limits), 'me', 27)
  it.each<[string, string, RegExp]>([
    ['not there', of(['a', 0n, true]), /^me is not registered on subnet 27: btcli subnet register --netuid 27/],
    ['too little for the subnet', of(['a', 1n, false], ['me', 10n * TAO, false]), /^uid 1, no validator permit: total stake 10, needs 1000: /],
    [
      'too little next to others',
      of(['a', 5000n * TAO, true], ['b', 3000n * TAO, true], ['me', 2000n * TAO, false]),
      /total stake 2000, needs 3000\.000000001: /,
    ],
    ['enough, before the epoch ends', of(['a', 5000n * TAO, true], ['me', 1000n * TAO, false]), /^uid 1, no validator permit yet: total stake 1000 is enough/],
    ['a permit, and a miner for the edge', of(['me', 1023n * TAO, true]), /^uid 0, validator permit, but a miner for the edge: total stake 1023, needs 1024: /],
    ['a validator', of(['me', 1024n * TAO, true]), /^uid 0, validator permit, total stake 1024$/],
  ])('%s', (_, text, wanted) => expect(text).toMatch(wanted))

  it('on no subnet at all', () => expect(standingText(standingOf(null, 'me', limits), 'me', 27)).toMatch(/^the chain has no subnet 27: check --netuid/))
})

describe('rao as people read it', () => {
  it.each([
    [0n, '0'],
    [1n, '0.000000001'],
    [TAO, '1'],
    [1_500_000_000n, '1.5'],
    [2n ** 64n - 1n, '18446744073.709551615'],
  ])('%s', (rao, text) => expect(inTao(rao)).toBe(text))
})
