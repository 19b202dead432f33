import { describe, expect, it } from 'vitest'
import { readHyperparameters } from './hyperparameters.ts'
import { readEpoch } from './epoch.ts'
import { readMetagraph } from './metagraph.ts'
import type { Link, Plain } from './wire.ts'

// A chain that answers what it is told to: what the real one never says, and what old runtimes lack.

const [ALICE, BOB, NOBODY] = [
  '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY',
  '5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty',
  '5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM',
]
const HASH = `0x${'ab'.repeat(32)}`
const axon = { block: 5n, version: 183, ip: 0xcb00_7107n, port: 8091, ipType: 4, protocol: 4, placeholder1: 0, placeholder2: 0 }

/** Storage of an old runtime, by item and keys. */
const OLD: Record<string, Plain> = {
  'System.Number[]': 100,
  'Timestamp.Now[]': 1_800_000_000_000n,
  'SubtensorModule.NetworksAdded[3]': true,
  'SubtensorModule.NetworksAdded[4]': false,
  'SubtensorModule.SubnetworkN[3]': 2,
  'SubtensorModule.Tempo[3]': 99,
  'SubtensorModule.Active[3]': [true, false],
  'SubtensorModule.ValidatorPermit[3]': [true, false],
  'SubtensorModule.LastUpdate[3]': [90n, 80n],
  'SubtensorModule.Emission[3]': [7n, 8n],
  'SubtensorModule.Incentive[3]': [0, 65_535],
  'SubtensorModule.Dividends[3]': [65_535, 0],
  'SubtensorModule.Consensus[3]': [1, 2],
  'SubtensorModule.Keys[3,0]': ALICE,
  'SubtensorModule.Keys[3,1]': BOB,
  'SubtensorModule.BlockAtRegistration[3,0]': 11n,
  'SubtensorModule.BlockAtRegistration[3,1]': 12n,
  [`SubtensorModule.Owner["${ALICE}"]`]: BOB,
  [`SubtensorModule.Owner["${BOB}"]`]: BOB,
  [`SubtensorModule.Axons[3,"${ALICE}"]`]: null,
  [`SubtensorModule.Axons[3,"${BOB}"]`]: axon,
  [`SubtensorModule.TotalHotkeyStake["${ALICE}"]`]: 5_000_000_000_000n,
  [`SubtensorModule.TotalHotkeyStake["${BOB}"]`]: 0n,
  'SubtensorModule.ImmunityPeriod[3]': 7200,
  'SubtensorModule.MaxAllowedUids[3]': 256,
  'SubtensorModule.MinAllowedWeights[3]': 8,
  'SubtensorModule.MaxWeightsLimit[3]': 455,
  'SubtensorModule.WeightsVersionKey[3]': 4n,
  'SubtensorModule.WeightsSetRateLimit[3]': 100n,
  'SubtensorModule.ServingRateLimit[3]': 50n,
  'SubtensorModule.MaxAllowedValidators[3]': 64,
  'SubtensorModule.ActivityCutoff[3]': 5000,
  'SubtensorModule.Burn[3]': 1_000_000_000n,
  'SubtensorModule.BlocksSinceLastStep[3]': 9n,
}
/** Storage of a runtime with alpha, children and an owner. */
const ALPHA: Record<string, Plain> = {
  ...OLD,
  'SubtensorModule.SubnetOwner[3]': BOB,
  'SubtensorModule.SubnetOwnerHotkey[3]': NOBODY,
  'SubtensorModule.TaoWeight[]': 2n ** 64n - 1n,
  [`SubtensorModule.TotalHotkeyAlpha["${ALICE}",3]`]: 10n,
  [`SubtensorModule.TotalHotkeyAlpha["${ALICE}",0]`]: 3n,
  [`SubtensorModule.TotalHotkeyAlpha["${BOB}",3]`]: 20n,
  [`SubtensorModule.TotalHotkeyAlpha["${BOB}",0]`]: 0n,
  [`SubtensorModule.TotalHotkeyAlpha["${NOBODY}",3]`]: 100n,
  [`SubtensorModule.TotalHotkeyAlpha["${NOBODY}",0]`]: 1000n,
  [`SubtensorModule.ParentKeys["${ALICE}",3]`]: [[2n ** 64n - 1n, NOBODY]],
  [`SubtensorModule.ParentKeys["${BOB}",3]`]: [],
  [`SubtensorModule.ChildKeys["${ALICE}",3]`]: [],
  [`SubtensorModule.ChildKeys["${BOB}",3]`]: [[2n ** 64n - 1n, ALICE]],
}

const METAGRAPH: Plain = {
  netuid: 3,
  ownerHotkey: ALICE,
  ownerColdkey: NOBODY,
  block: 100n,
  tempo: 99,
  hotkeys: [ALICE, BOB],
  coldkeys: [BOB, BOB],
  axons: [{ ...axon, ip: 0n, ipType: 0 }, axon],
  active: [true, false],
  validatorPermit: [true, false],
  lastUpdate: [90n, 80n],
  emission: [7n, 8n],
  incentives: [0, 65_535],
  dividends: [65_535, 0],
  consensus: [1, 2],
  blockAtRegistration: [11n, 12n],
  alphaStake: [1n, 2n],
  taoStake: [3n, 4n],
  totalStake: [5n, 6n],
  maxWeightsLimit: 65_535,
  activityCutoff: 4999n,
}

type Told = { storage?: Record<string, Plain>; answer?: Plain }

/** `answer` left out: the runtime has no metagraph call. */
function told({ storage = OLD, answer }: Told): Link & { trips: number } {
  const value = (item: string, keys: unknown[]): Plain => {
    const key = `${item}${JSON.stringify(keys)}`
    if (!(key in storage)) throw new Error(`asked for ${key}`)
    return storage[key] ?? null
  }
  const none = () => Promise.reject(new Error('not asked for here'))
  return {
    endpoint: 'ws://told',
    genesis: HASH,
    spec: 1,
    trips: 0,
    hasItem: (item) => Object.keys(storage).some((key) => key.startsWith(`${item}[`)),
    hasMethod: () => answer !== undefined,
    hasCall: () => false,
    read: async (item, keys) => value(item, keys),
    async readMany(wanted) {
      this.trips++
      return wanted.map(([item, keys]) => value(item, keys))
    },
    entries: none,
    call: async () => answer ?? null,
    constant: () => null,
    best: async () => HASH,
    hashAt: none,
    blockOf: async (of) => ({ number: 100, hash: of, parent: HASH }),
  }
}

describe('the metagraph in one call', () => {
  it('is rows by uid, of the block asked for', async () => {
    const read = await readMetagraph(told({ answer: METAGRAPH }), 3, undefined)
    expect(read).toMatchObject({
      netuid: 3,
      block: { number: 100, hash: HASH },
      timestampMs: 1_800_000_000_000,
      tempo: 99,
      ownerHotkey: ALICE,
      ownerColdkey: null,
    })
    expect(read?.neurons[1]).toEqual({
      uid: 1,
      hotkey: BOB,
      coldkey: BOB,
      axon: { ip: '203.0.113.7', port: 8091, version: 183, block: 5, protocol: 4 },
      active: false,
      validatorPermit: false,
      lastUpdate: 80,
      registeredAt: 12,
      emission: 8n,
      incentive: 65_535,
      dividends: 0,
      consensus: 2,
      totalStake: 6n,
      alphaStake: 2n,
      taoStake: 4n,
    })
    expect(read?.neurons[0]?.axon.ip).toBeNull()
  })

  it('is null where there is no such subnet', async () => {
    expect(await readMetagraph(told({ answer: null }), 3, HASH)).toBeNull()
  })

  it.each([
    ['is of another subnet', { netuid: 4 }, /is of subnet 4, not 3/],
    ['is of another block', { block: 99n }, /is of block 99, not 100/],
    ['has a list too short', { validatorPermit: [true] }, /validatorPermit has 1 entries for 2 hotkeys/],
    ['has a list too long', { totalStake: [1n, 2n, 3n] }, /totalStake has 3 entries/],
    ['leaves a list out', { emission: null }, /emission is no list/],
    ['says something else', { tempo: 'soon' }, /tempo is no whole number/],
    ['has a number no integer holds', { lastUpdate: [1n, 2n ** 60n] }, /lastUpdate is no whole number/],
  ])('is refused when it %s', async (_, wrong, message) => {
    const answer = { ...(METAGRAPH as Record<string, Plain>), ...wrong }
    await expect(readMetagraph(told({ answer }), 3, HASH)).rejects.toMatchObject({
      name: 'ChainError',
      code: 'Unexpected',
      message: expect.stringMatching(message),
    })
  })
})

describe('the metagraph of a runtime without the call', () => {
  it('comes from storage, in a few round trips; stake before alpha is TAO', async () => {
    const link = told({})
    const read = await readMetagraph(link, 3, undefined)
    expect(link.trips).toBe(3)
    expect(read).toMatchObject({
      netuid: 3,
      block: { number: 100, hash: HASH },
      timestampMs: 1_800_000_000_000,
      tempo: 99,
      ownerHotkey: null,
      ownerColdkey: null,
    })
    expect(read?.neurons.map((n) => [n.uid, n.hotkey, n.coldkey, n.registeredAt, n.axon.ip])).toEqual([
      [0, ALICE, BOB, 11, null],
      [1, BOB, BOB, 12, '203.0.113.7'],
    ])
    expect(read?.neurons[0]).toMatchObject({ totalStake: 5_000_000_000_000n, taoStake: 5_000_000_000_000n, alphaStake: 0n, emission: 7n, lastUpdate: 90 })
  })

  it('passes alpha and TAO on from parents, also from outside the subnet', async () => {
    const read = await readMetagraph(told({ storage: ALPHA }), 3, HASH)
    expect(read).toMatchObject({ ownerHotkey: null, ownerColdkey: BOB })
    expect(read?.neurons.map((n) => [n.alphaStake, n.taoStake])).toEqual([
      [110n, 1003n],
      [0n, 0n],
    ])
    expect(read?.neurons[0]?.totalStake).toBe(1113n)
  })

  it('is null where there is no such subnet', async () => {
    const storage = Object.fromEntries(Object.entries(OLD).map(([key, value]) => [key, key.includes('NetworksAdded') ? false : value]))
    expect(await readMetagraph(told({ storage }), 3, HASH)).toBeNull()
  })

  it('is refused when an item is missing that nothing stands for, or lists do not fit', async () => {
    const { 'SubtensorModule.Emission[3]': _, ...lacking } = OLD
    await expect(readMetagraph(told({ storage: lacking }), 3, HASH)).rejects.toMatchObject({ code: 'NotInRuntime', message: expect.stringMatching(/Emission/) })
    await expect(readMetagraph(told({ storage: { ...OLD, 'SubtensorModule.Active[3]': [true] } }), 3, HASH)).rejects.toMatchObject({ code: 'Unexpected' })
    const { 'SubtensorModule.TaoWeight[]': __, ...unweighed } = ALPHA
    await expect(readMetagraph(told({ storage: unweighed }), 3, HASH)).rejects.toThrow(/TaoWeight is not kept/)
  })
})

describe('what governs a subnet', () => {
  it('an old runtime: what it did where it has no item', async () => {
    expect(await readHyperparameters(told({}), 3, HASH)).toEqual({
      tempo: 99,
      immunityPeriod: 7200,
      maxUids: 256,
      minAllowedWeights: 8,
      maxWeightsLimit: 455,
      weightsVersionKey: 4n,
      weightsRateLimit: 100,
      servingRateLimit: 50,
      commitRevealEnabled: false,
      commitRevealVersion: 0,
      revealPeriodEpochs: 1,
      activityCutoff: 5000,
      maxValidators: 64,
      registrationAllowed: true,
      burn: 1_000_000_000n,
      stakeThreshold: 0n,
      mechanisms: 1,
    })
    expect(await readHyperparameters(told({ storage: { ...OLD, 'SubtensorModule.WeightsMinStake[]': 9n } }), 3, HASH)).toMatchObject({ stakeThreshold: 9n })
  })

  it('a new runtime: the limits in force, not those left in storage', async () => {
    expect(await readHyperparameters(told({ answer: METAGRAPH }), 3, undefined)).toMatchObject({ maxWeightsLimit: 65_535, activityCutoff: 4999 })
  })

  it('an epoch of an old runtime has no state', async () => {
    expect(await readEpoch(told({}), 3, undefined)).toEqual({
      at: 100,
      netuid: 3,
      tempo: 99,
      lastEpochBlock: null,
      pendingEpochAt: null,
      epochIndex: null,
      blocksSinceLastStep: 9,
      revealPeriodEpochs: 1,
    })
  })

  it('a subnet that is not there is an error, not defaults', async () => {
    const storage = Object.fromEntries(Object.entries(OLD).map(([key, value]) => [key, key.includes('NetworksAdded') ? false : value]))
    for (const read of [readHyperparameters, readEpoch])
      await expect(read(told({ storage }), 3, HASH)).rejects.toMatchObject({
        code: 'SubnetNotExists',
        kind: 'request',
        message: expect.stringMatching(/no subnet 3/),
      })
  })
})
