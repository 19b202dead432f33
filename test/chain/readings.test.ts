import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningChain, startChain } from '../../local/chain/start.ts'
import { ACCOUNTS } from '../../local/chain/subtensor/genesis.ts'
import { Codecs } from '../../node-agents/core/chain/codecs.ts'
import { commitHash } from '../../node-agents/core/chain/commit.ts'
import { readEpoch } from '../../node-agents/core/chain/epoch.ts'
import { firstReveal, nextEpoch } from '../../node-agents/core/chain/epochs.ts'
import { readHyperparameters } from '../../node-agents/core/chain/hyperparameters.ts'
import { DEFAULTS } from '../../node-agents/core/chain/limits.ts'
import { Reader } from '../../node-agents/core/chain/link.ts'
import { readBalance, readTimestamp, readUid } from '../../node-agents/core/chain/lookups.ts'
import { readLastUpdate, readWeightMatrix, readWeights } from '../../node-agents/core/chain/matrix.ts'
import { readMetagraph } from '../../node-agents/core/chain/metagraph.ts'
import { Rpc, lost } from '../../node-agents/core/chain/rpc.ts'
import { axonCall, prometheusCall, readAxon, readPrometheus } from '../../node-agents/core/chain/served.ts'
import { compareWeights, toU16Weights } from '../../node-agents/core/chain/weights.ts'
import type { Link, RuntimeCall } from '../../node-agents/core/chain/wire.ts'
import { ask, call, type Client, connect, type Pair, pairOf, query, send } from '../support/polkadot.ts'

// What we read of a chain, against what the public client reads of it.

const NETUID = 27
const TEMPO = 12
const TAO = 10n ** 9n
const HALF = 2n ** 63n

let dev: RunningChain
let client: Client
let link: Reader
let alice: Pair

beforeAll(async () => {
  dev = await startChain({ blockMs: 'manual', tempo: TEMPO, commitReveal: false })
  alice = await pairOf('//Alice')
  await dev.control.call('populate', { netuid: NETUID, n: 20 })
  await dev.control.register(NETUID, alice.address, ACCOUNTS['//Bob'])
  await dev.control.stake(alice.address, NETUID, 5000n * TAO)
  await dev.control.advance(2)
  client = await connect(dev.url)
  const rpc = await Rpc.open(dev.url, DEFAULTS, AbortSignal.timeout(30_000))
  link = await Reader.open(rpc, String(await rpc.call('chain_getBlockHash', [0])), new Codecs())
})
afterAll(async () => {
  link?.rpc.close(lost(dev.url, 'the test is over'))
  await client?.close()
  await dev?.close()
})

/** The same chain as a runtime without runtime APIs would show it. */
function withoutApis(): Link {
  return new Proxy<Link>(link, {
    get: (of, name) => {
      if (name === 'hasMethod') return () => false
      const value: unknown = Reflect.get(of, name)
      return typeof value === 'function' ? value.bind(of) : value
    },
  })
}

type Json = Record<string, unknown>

async function submit({ name, args }: RuntimeCall): Promise<void> {
  const method = name.replace('SubtensorModule.', '').replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const done = send(client.api, call(client.api, `subtensorModule.${method}`, ...args), alice)
  await expect.poll(async () => (await client.api.rpc.author.pendingExtrinsics()).length).toBe(1)
  await dev.control.advance()
  expect((await done).error).toBeNull()
}

describe('the metagraph', () => {
  it('is what the public client reads of the same block', async () => {
    const fields = [0, 5, 6, 7, 8, 52, 53, 55, 56, 57, 59, 60, 61, 62, 63, 66, 67, 68, 69]
    const theirs = (await ask(client.api, 'subnetInfoRuntimeApi.getSelectiveMetagraph', NETUID, fields)) as Record<string, Json[]> & Json
    const ours = await readMetagraph(link, NETUID, undefined)
    const number = (await client.api.rpc.chain.getHeader()).number.toNumber()
    expect(ours).toMatchObject({ netuid: NETUID, tempo: theirs['tempo'], ownerHotkey: theirs['ownerHotkey'], ownerColdkey: theirs['ownerColdkey'] })
    expect(ours?.block).toEqual({ number, hash: (await client.api.rpc.chain.getBlockHash(number)).toHex() })
    expect(String(ours?.timestampMs)).toBe(String(await query(client.api, 'timestamp.now')()))
    expect(ours?.neurons).toHaveLength(22)
    const column = (name: string) => (theirs[name] ?? []).map(String)
    const names = {
      hotkey: 'hotkeys',
      coldkey: 'coldkeys',
      active: 'active',
      validatorPermit: 'validatorPermit',
      lastUpdate: 'lastUpdate',
      registeredAt: 'blockAtRegistration',
      emission: 'emission',
      incentive: 'incentives',
      dividends: 'dividends',
      consensus: 'consensus',
      totalStake: 'totalStake',
      alphaStake: 'alphaStake',
      taoStake: 'taoStake',
    } as const
    for (const [our, their] of Object.entries(names) as [keyof typeof names, string][]) {
      expect(ours?.neurons.map((n) => String(n[our]))).toEqual(column(their))
    }
    expect(ours?.neurons[3]?.axon).toEqual({ ip: '198.18.0.3', port: 8091, version: 183, protocol: 4, block: Number((theirs['axons'] ?? [])[3]?.['block']) })
    expect(ours?.neurons[21]?.axon).toEqual({ ip: null, port: 0, version: 0, protocol: 0, block: 0 })
  })

  it('comes alike from storage, also with children, parents and root stake', async () => {
    const uid3 = await query(client.api, 'subtensorModule.keys')(NETUID, 3)
    const [parent, child, stranger] = [uid3.toHex(), ACCOUNTS['//Alice'], ACCOUNTS['//Dave']]
    await dev.control.set('SubtensorModule.TotalHotkeyAlpha', [stranger, 0], 1234n * TAO)
    await dev.control.stake(child, 0, 777n * TAO)
    await dev.control.set(
      'SubtensorModule.ParentKeys',
      [child, NETUID],
      [
        [HALF / 3n, parent],
        [HALF, stranger],
      ],
    )
    await dev.control.set('SubtensorModule.ChildKeys', [parent, NETUID], [[HALF / 3n, child]])
    await dev.control.advance()
    const whole = await readMetagraph(link, NETUID, undefined)
    expect(await readMetagraph(withoutApis(), NETUID, undefined)).toEqual(whole)
    expect(whole?.neurons[21]?.totalStake).toBeGreaterThan(5000n * TAO)
    expect(whole?.neurons[21]?.taoStake).toBeGreaterThan(777n * TAO)
  })

  it('is of the block that was named, and null where there is no subnet', async () => {
    const before = await readMetagraph(link, NETUID, undefined)
    await dev.control.deregister(NETUID, 5)
    await dev.control.advance()
    const after = await readMetagraph(link, NETUID, undefined)
    expect(after?.neurons[5]?.hotkey).not.toBe(before?.neurons[5]?.hotkey)
    expect(await readMetagraph(link, NETUID, before?.block.hash)).toEqual(before)
    for (const over of [link, withoutApis()]) expect(await readMetagraph(over, 99, undefined)).toBeNull()
  })
})

describe('hyperparameters', () => {
  it('are what the public client reads', async () => {
    const odd = { ImmunityPeriod: 4321, MinAllowedWeights: 3, WeightsVersionKey: 17, WeightsSetRateLimit: 42, ServingRateLimit: 7, StakeThreshold: 1000 }
    for (const [name, value] of Object.entries(odd)) await dev.control.hyperparameter(NETUID, name, value)
    await dev.control.advance()
    const ours = await readHyperparameters(link, NETUID, undefined)
    const stored = async (name: string, ...keys: unknown[]) => String(await query(client.api, `subtensorModule.${name}`)(...keys))
    const items = {
      tempo: 'tempo',
      immunityPeriod: 'immunityPeriod',
      maxUids: 'maxAllowedUids',
      minAllowedWeights: 'minAllowedWeights',
      weightsVersionKey: 'weightsVersionKey',
      weightsRateLimit: 'weightsSetRateLimit',
      servingRateLimit: 'servingRateLimit',
      commitRevealEnabled: 'commitRevealWeightsEnabled',
      revealPeriodEpochs: 'revealPeriodEpochs',
      maxValidators: 'maxAllowedValidators',
      registrationAllowed: 'networkRegistrationAllowed',
      burn: 'burn',
      mechanisms: 'mechanismCountCurrent',
    } as const
    for (const [our, their] of Object.entries(items) as [keyof typeof items, string][]) expect(String(ours[our])).toBe(await stored(their, NETUID))
    expect(String(ours.stakeThreshold)).toBe(await stored('stakeThreshold'))
    expect(String(ours.commitRevealVersion)).toBe(await stored('commitRevealWeightsVersion'))
    const limits = (await ask(client.api, 'subnetInfoRuntimeApi.getSelectiveMetagraph', NETUID, [25, 28])) as Json
    expect([ours.maxWeightsLimit, ours.activityCutoff]).toEqual([limits['maxWeightsLimit'], limits['activityCutoff']])
    await dev.control.hyperparameter(NETUID, 'StakeThreshold', 0)
    await dev.control.hyperparameter(NETUID, 'MinAllowedWeights', 1)
    await dev.control.advance()
  })
})

describe('epochs', () => {
  it('run when we say, as the chain itself says', async () => {
    for (let blocks = 0; blocks < 2 * TEMPO + 3; blocks++) {
      const state = await readEpoch(link, NETUID, undefined)
      expect(nextEpoch(state)).toBe(await ask(client.api, 'subnetInfoRuntimeApi.getNextEpochStartBlock', NETUID))
      await dev.control.advance()
      const after = await readEpoch(link, NETUID, undefined)
      expect(after.at).toBe(state.at + 1)
      expect((after.epochIndex ?? 0) - (state.epochIndex ?? 0)).toBe(nextEpoch(state) === after.at ? 1 : 0)
    }
  })

  it('are asked for by the owner, and shift the reveal', async () => {
    const { at } = await readEpoch(link, NETUID, undefined)
    await dev.control.set('SubtensorModule.PendingEpochAt', [NETUID], at + 3)
    await dev.control.advance()
    const state = await readEpoch(link, NETUID, undefined)
    expect(nextEpoch(state)).toBe(await ask(client.api, 'subnetInfoRuntimeApi.getNextEpochStartBlock', NETUID))
    expect(firstReveal(state)).toBe(nextEpoch(state))
  })

  it('reveal a commit from the block on that we say, and by our hash', async () => {
    const on = { CommitRevealWeightsEnabled: true, WeightsSetRateLimit: 0 }
    for (const [name, value] of Object.entries(on)) await dev.control.hyperparameter(NETUID, name, value)
    await dev.control.permit(NETUID, 21, true)
    await dev.control.advance()
    const weights = { netuid: NETUID, mechanism: 0, uids: [0, 3], values: [1, 65_535], versionKey: 183 }
    const state = await readEpoch(link, NETUID, undefined)
    await submit({ name: 'SubtensorModule.commit_weights', args: [NETUID, commitHash(alice.address, weights, [7, 8])] })
    const [[, epoch]] = (await query(client.api, 'subtensorModule.weightCommits')(NETUID, alice.address)).toJSON() as [[string, number]]
    const reveal = firstReveal(state) ?? 0
    await dev.control.advance(reveal - 2 - (state.at + 1))
    expect((await readEpoch(link, NETUID, undefined)).epochIndex).toBe(epoch)
    const revealing = { name: 'SubtensorModule.reveal_weights', args: [NETUID, weights.uids, weights.values, [7, 8], 183] }
    await expect(send(client.api, call(client.api, 'subtensorModule.revealWeights', ...revealing.args), alice)).rejects.toThrow(/Custom error: 17/)
    await dev.control.advance(2)
    expect(await readEpoch(link, NETUID, undefined)).toMatchObject({ at: reveal, epochIndex: epoch + 1 })
    await dev.control.permit(NETUID, 21, true)
    await submit(revealing)
    expect(compareWeights(weights, await readWeights(link, NETUID, 0, 21, undefined))).toEqual([])
    await dev.control.hyperparameter(NETUID, 'CommitRevealWeightsEnabled', false)
    await dev.control.advance()
  })
})

describe('what a hotkey announced and set', () => {
  it.each([
    ['203.0.113.9', 183],
    ['2001:db8::9', 184],
  ])('is read back: %s', async (ip, version) => {
    await dev.control.hyperparameter(NETUID, 'ServingRateLimit', 0)
    await submit(axonCall({ netuid: NETUID, ip, port: 8091, version }))
    const block = (await client.api.rpc.chain.getHeader()).number.toNumber()
    await submit(prometheusCall({ netuid: NETUID, ip, port: 8092, version }))
    expect(await readAxon(link, NETUID, alice.address, undefined)).toEqual({ ip, port: 8091, version, protocol: 4, block })
    expect(await readPrometheus(link, NETUID, alice.address, undefined)).toEqual({ ip, port: 8092, version, block: block + 1 })
    const stored = (await query(client.api, 'subtensorModule.axons')(NETUID, alice.address)).toJSON() as Json
    expect(stored).toMatchObject({ port: 8091, version, ipType: ip.includes(':') ? 6 : 4 })
    expect((await readMetagraph(link, NETUID, undefined))?.neurons[21]?.axon).toMatchObject({ ip, port: 8091 })
  })

  it('is taken back', async () => {
    await submit(axonCall({ netuid: NETUID, ip: null, port: 1, version: 183 }))
    expect(await readAxon(link, NETUID, alice.address, undefined)).toMatchObject({ ip: null, port: 1 })
  })

  it('is null for who announced nothing', async () => {
    expect(await readAxon(link, NETUID, ACCOUNTS['//Eve'], undefined)).toBeNull()
    expect(await readPrometheus(link, NETUID, ACCOUNTS['//Eve'], undefined)).toBeNull()
  })

  it('weights stand in its row and in the matrix', async () => {
    await dev.control.permit(NETUID, 21, true)
    await dev.control.set('SubtensorModule.LastUpdate', [NETUID], Array<number>(22).fill(0))
    await dev.control.advance()
    const sent = toU16Weights(
      new Map([
        [0, 0.25],
        [3, 1],
        [9, 0.333],
      ]),
    )
    await submit({ name: 'SubtensorModule.set_weights', args: [NETUID, sent.uids, sent.values.map((v) => Math.floor(v / 3)), 183] })
    const row = await readWeights(link, NETUID, 0, 21, undefined)
    expect(compareWeights({ uids: sent.uids, values: sent.values.map((v) => Math.floor(v / 3)) }, row)).toEqual([])
    expect(compareWeights({ ...sent, values: sent.values.with(0, 65_535) }, row)).toEqual([0])
    expect(row).toEqual((await query(client.api, 'subtensorModule.weights')(NETUID, 21)).toJSON())
    expect([...(await readWeightMatrix(link, NETUID, 0, undefined))]).toEqual([[21, row]])
    const block = (await client.api.rpc.chain.getHeader()).number.toNumber()
    expect(await readLastUpdate(link, NETUID, 0, 21, undefined)).toBe(block)
    expect(await readLastUpdate(link, NETUID, 1, 21, undefined)).toBe(0)
    expect(await readWeights(link, NETUID, 1, 21, undefined)).toEqual([])
  })

  it('has a uid, a coldkey with money, and a time', async () => {
    expect(await readUid(link, NETUID, alice.address, undefined)).toBe(21)
    expect(await readUid(link, NETUID, ACCOUNTS['//Eve'], undefined)).toBeNull()
    const account = (await query(client.api, 'system.account')(ACCOUNTS['//Bob'])).toJSON() as { data: { free: string | number } }
    expect(await readBalance(link, ACCOUNTS['//Bob'], undefined)).toBe(BigInt(account.data.free))
    expect(String(await readTimestamp(link, undefined))).toBe(String(await query(client.api, 'timestamp.now')()))
  })
})
