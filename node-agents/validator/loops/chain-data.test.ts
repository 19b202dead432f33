import { describe, expect, it } from 'vitest'
import type { Metagraph, Neuron } from '../../core/chain/types.ts'
import { chainDataOf, chainDataText } from './chain-data.ts'

const own = {
  uid: 3,
  hotkey: 'me',
  totalStake: 2_000_500_000_000n,
  consensus: 32_768,
  incentive: 0,
  dividends: 65_535,
  emission: 1_500_000_000n,
  lastUpdate: 60,
}
const m = { block: { number: 100, hash: '0x' }, neurons: [own as Neuron] } as Metagraph

describe('what the chain says of a validator', () => {
  it('is in shares and rao', () =>
    expect(chainDataOf(m, 'me')).toEqual({
      block: 100,
      uid: 3,
      stake: '2000500000000',
      trust: expect.closeTo(0.5, 4) as number,
      incentive: 0,
      dividends: 1,
      emission: '1500000000',
      weights_age_blocks: 40,
    }))
  it('is nothing of who is not there', () => expect(chainDataOf(m, 'you')).toBeNull())
  it('is one line for people', () => {
    const data = chainDataOf(m, 'me')
    expect(data && chainDataText(data)).toBe(
      'block 100 | uid 3 | stake 2000.500 | trust 0.5000 | incentive 0.0000 | dividends 1.0000 | emission 1.500 | weights 40 blocks old',
    )
  })
})
