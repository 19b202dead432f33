import { describe, expect, it } from 'vitest'
import { hotkeyFromSeed } from '../core/hotkey.ts'
import type { Metagraph, Neuron } from '../core/chain/types.ts'
import { snapshotDigest } from '../../schema/index.ts'
import { dueAt, toSnapshot } from './snapshot.ts'

const address = (n: number) => hotkeyFromSeed(new Uint8Array(32).fill(n)).address
const hash = (digit: string) => `0x${digit.repeat(64)}`
const GENESIS = hash('a')

const neuron = (uid: number): Neuron => ({
  uid,
  hotkey: address(uid + 1),
  coldkey: address(100 + uid),
  axon: { ip: null, port: 0, version: 0, block: 0, protocol: 4 },
  active: true,
  validatorPermit: uid === 0,
  lastUpdate: 0,
  registeredAt: 0,
  emission: 0n,
  incentive: 0,
  dividends: 0,
  consensus: 0,
  totalStake: 2n ** 63n + BigInt(uid),
  alphaStake: 1n,
  taoStake: 2n,
})
const metagraph = (number: number, neurons = [neuron(0), neuron(1)]): Metagraph => ({
  netuid: 27,
  block: { number, hash: hash('b') },
  timestampMs: 1_700_000_000_000,
  tempo: 360,
  ownerHotkey: address(1),
  ownerColdkey: address(100),
  neurons,
})

describe('a snapshot', () => {
  it('says what the chain says, to the last rao', () => {
    expect(toSnapshot(metagraph(50), GENESIS)).toEqual({
      netuid: 27,
      genesis: GENESIS,
      block: 50,
      block_hash: hash('b'),
      timestamp_ms: 1_700_000_000_000,
      owner_hotkey: address(1),
      neurons: [
        { uid: 0, hotkey: address(1), coldkey: address(100), validator_permit: true, total_stake: '9223372036854775808' },
        { uid: 1, hotkey: address(2), coldkey: address(101), validator_permit: false, total_stake: '9223372036854775809' },
      ],
    })
  })

  it('is the same for whatever a validator may see otherwise', () => {
    const other = metagraph(
      50,
      [neuron(0), neuron(1)].map((n) => ({ ...n, active: false, lastUpdate: 7, emission: 9n, axon: { ...n.axon, ip: '1.2.3.4', port: 1 } })),
    )
    expect(snapshotDigest(toSnapshot(other, GENESIS))).toBe(snapshotDigest(toSnapshot(metagraph(50), GENESIS)))
  })

  it.each([
    ['of another block', metagraph(51), /multiple of 25/],
    ['with a gap', metagraph(50, [neuron(0), neuron(2)]), /without a gap/],
    ['with a hotkey twice', metagraph(50, [neuron(0), { ...neuron(1), hotkey: address(1) }]), /stands twice/],
  ])('%s is none', (_, m, why) => expect(() => toSnapshot(m, GENESIS)).toThrow(why))
})

describe('what is due at a finalized block', () => {
  const posted = { genesis: GENESIS, block: 50, hash: hash('c') }
  const wrong = (why: RegExp) => ({ do: 'wrong', why: expect.stringMatching(why) })
  it.each([
    ['the first block', 0, null, { do: 'wait' }],
    ['before the first multiple', 24, null, { do: 'wait' }],
    ['at a multiple', 25, null, { do: 'post', block: 25 }],
    ['after it, for one that was not there', 49, null, { do: 'post', block: 25 }],
    ['the one posted already', 50, posted, { do: 'wait' }],
    ['before the next', 74, posted, { do: 'wait' }],
    ['the next', 75, posted, { do: 'post', block: 75 }],
    ['after an outage only the newest', 10_013, posted, { do: 'post', block: 10_000 }],
    ['finality went back', 49, posted, wrong(/block 49 is its last finalized one, and block 50 was/)],
  ])('%s', (_, finalized, before, due) => expect(dueAt(finalized, GENESIS, before)).toEqual(due))

  it('another chain is none to speak of', () => expect(dueAt(75, hash('d'), posted)).toEqual(wrong(/its genesis is 0xdddd.*began with 0xaaaa/)))
})
