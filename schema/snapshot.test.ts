import { describe, expect, it } from 'vitest'
import { encodeHotkey } from './hotkey.ts'
import { type Snapshot, snapshot, snapshotDigest } from './snapshot.ts'

const key = (n: number) => encodeHotkey(new Uint8Array(32).fill(n))
const neuron = (uid: number, change: object = {}) => ({
  uid,
  hotkey: key(uid + 1),
  coldkey: key(200),
  validator_permit: uid === 0,
  total_stake: '1024000000000',
  ...change,
})
const good: Snapshot = {
  netuid: 27,
  genesis: `0x${'2f'.repeat(32)}`,
  block: 9_000_025,
  block_hash: `0x${'ab'.repeat(32)}`,
  timestamp_ms: 1_795_000_000_000,
  owner_hotkey: key(1),
  neurons: [neuron(0), neuron(1)],
}

describe('a snapshot', () => {
  it('is taken as it is, without what it should not hold', () => {
    expect(snapshot.parse({ ...good, extra: 1, neurons: good.neurons.map((n) => ({ ...n, extra: 1 })) })).toEqual(good)
  })

  it.each<[string, object, string]>([
    ['a block in between', { block: 9_000_026 }, 'block'],
    ['a negative block', { block: -25 }, 'block'],
    ['uids with a gap', { neurons: [neuron(0), neuron(2)] }, 'neurons.1.uid'],
    ['uids out of order', { neurons: [neuron(1), neuron(0)] }, 'neurons.0.uid'],
    ['a hotkey twice', { neurons: [neuron(0), neuron(1, { hotkey: key(1) })] }, 'neurons'],
    ['what is no hotkey', { neurons: [neuron(0, { hotkey: '5abc' })] }, 'neurons.0.hotkey'],
    ['stake as a number', { neurons: [neuron(0, { total_stake: 5 })] }, 'neurons.0.total_stake'],
    ['stake in another spelling', { neurons: [neuron(0, { total_stake: '007' })] }, 'neurons.0.total_stake'],
    ['a hash in capitals', { block_hash: `0x${'AB'.repeat(32)}` }, 'block_hash'],
    ['too many uids', { neurons: Array.from({ length: 4097 }, (_, i) => neuron(i, { hotkey: key(i % 250) })) }, 'neurons'],
  ])('with %s is refused, and the field named', (_, change, field) => {
    const { success, error } = snapshot.safeParse({ ...good, ...change })
    expect(success).toBe(false)
    expect(error?.issues.map((i) => i.path.join('.'))).toContain(field)
  })
})

describe('its digest', () => {
  it('is the same in whatever order the fields come', () => {
    const turned = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(good).toReversed()))) as Snapshot
    turned.neurons = turned.neurons.map((n) => Object.fromEntries(Object.entries(n).toReversed()) as typeof n)
    expect(snapshotDigest(turned)).toBe(snapshotDigest(good))
    expect(snapshotDigest(good)).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each<[string, Partial<Snapshot>]>([
    ['netuid', { netuid: 28 }],
    ['genesis', { genesis: `0x${'30'.repeat(32)}` }],
    ['block', { block: 9_000_050 }],
    ['block_hash', { block_hash: `0x${'ac'.repeat(32)}` }],
    ['timestamp_ms', { timestamp_ms: 1 }],
    ['owner_hotkey', { owner_hotkey: null }],
    ['a neuron less', { neurons: [neuron(0)] }],
    ...['hotkey', 'coldkey'].map((name): [string, Partial<Snapshot>] => [name, { neurons: [neuron(0), neuron(1, { [name]: key(9) })] }]),
    ['validator_permit', { neurons: [neuron(0), neuron(1, { validator_permit: true })] }],
    ['total_stake', { neurons: [neuron(0), neuron(1, { total_stake: '1' })] }],
  ])('is another one with another %s', (_, change) => expect(snapshotDigest({ ...good, ...change })).not.toBe(snapshotDigest(good)))
})
