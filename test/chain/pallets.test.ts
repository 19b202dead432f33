import { describe, expect, test } from 'vitest'
import { type Bench, withChain } from '../support/devchain.ts'
import { ask, call, type Pair, pairOf, query, send } from '../support/polkadot.ts'

const NETUID = 27
const OPTIONS = { blockMs: 'instant', commitReveal: false } as const
type People = Record<'owner' | 'alice' | 'bob' | 'charlie', Pair>

/** On subnet 27: //Owner is uid 0, //Alice uid 1 with a permit, //Charlie uid 2 without; //Bob is not there. No limit on how often. */
async function peopled(bench: Bench): Promise<People> {
  const [owner, alice, bob, charlie] = await Promise.all([pairOf('//Owner'), pairOf('//Alice'), pairOf('//Bob'), pairOf('//Charlie')])
  for (const { address } of [alice, charlie]) await bench.control.register(NETUID, address, bob.address)
  await bench.control.permit(NETUID, 1, true)
  await bench.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 0)
  await bench.control.hyperparameter(NETUID, 'ServingRateLimit', 0)
  await bench.control.newBlocks()
  return { owner, alice, bob, charlie }
}

/** The dispatch error by name, what the pool answers, or null. */
async function refusal({ api }: Bench, who: Pair, name: string, ...args: unknown[]): Promise<string | null> {
  try {
    return (await send(api, call(api, `subtensorModule.${name}`, ...args), who)).error
  } catch (error) {
    return /Custom error: \d+/.exec(String(error))?.[0] ?? String(error)
  }
}

const read = async ({ api }: Bench, item: string, ...keys: unknown[]) => (await query(api, `subtensorModule.${item}`)(...keys)).toJSON()

describe('weights', () => {
  /** Each call has the faults of those below it too, as far as it can: the first in the runtime's order is named. */
  const FAULTS: [expected: string, who: keyof People, call: string, args: unknown[], item?: [name: string, value: number]][] = [
    ['CanNotSetRootNetworkWeights', 'bob', 'setWeights', [0, [9, 9], [1], 0]],
    ['WeightVecNotEqualSize', 'bob', 'setWeights', [NETUID, [9, 9, 9, 9], [1], 0]],
    ['MechanismDoesNotExist', 'bob', 'setMechanismWeights', [NETUID, 1, [9, 9, 9, 9], [1, 1, 1, 1], 0]],
    ['MechanismDoesNotExist', 'bob', 'setWeights', [99, [9], [1], 0]],
    ['UidsLengthExceedUidsInSubNet', 'bob', 'setWeights', [NETUID, [9, 9, 9, 9], [1, 1, 1, 1], 0]],
    ['HotKeyNotRegisteredInSubNet', 'bob', 'setWeights', [NETUID, [9, 9], [1, 1], 0]],
    ['IncorrectWeightVersionKey', 'charlie', 'setWeights', [NETUID, [9, 9], [1, 1], 182], ['WeightsVersionKey', 183]],
    ['NeuronNoValidatorPermit', 'charlie', 'setWeights', [NETUID, [9, 9], [1, 1], 183], ['WeightsVersionKey', 183]],
    ['DuplicateUids', 'alice', 'setWeights', [NETUID, [9, 9], [1, 1], 0], ['MinAllowedWeights', 3]],
    ['UidVecContainInvalidOne', 'alice', 'setWeights', [NETUID, [9, 0], [1, 1], 0], ['MinAllowedWeights', 3]],
    ['WeightVecLengthIsLow', 'alice', 'setWeights', [NETUID, [2, 0], [9, 1], 0], ['MinAllowedWeights', 3]],
    ['MaxWeightExceeded', 'alice', 'setWeights', [NETUID, [2, 0], [9, 1], 0], ['MaxWeightsLimit', 30000]],
    // What the transaction extension refuses never gets that far.
    ['Custom error: 1', 'charlie', 'setWeights', [0, [9, 9], [1], 0], ['StakeThreshold', 1]],
    ['Custom error: 6', 'charlie', 'setMechanismWeights', [NETUID, 1, [9], [1], 0]],
    ['Custom error: 6', 'alice', 'setWeights', [NETUID, [9, 9], [1, 1], 0], ['WeightsSetRateLimit', 1000]],
    ['CommitRevealEnabled', 'bob', 'setWeights', [NETUID, [9, 9, 9, 9], [1], 0], ['CommitRevealWeightsEnabled', 1]],
    ['CommitRevealDisabled', 'bob', 'commitWeights', [NETUID, `0x${'11'.repeat(32)}`]],
    ['CommitRevealDisabled', 'alice', 'commitTimelockedMechanismWeights', [NETUID, 0, '0x00', 2n ** 40n, 4]],
    ['Custom error: 15', 'alice', 'commitTimelockedMechanismWeights', [NETUID, 0, '0x00', 1, 4]],
    ['Custom error: 16', 'alice', 'revealWeights', [NETUID, [0], [1], [1], 0]],
    ['Custom error: 18', 'alice', 'batchRevealWeights', [NETUID, [[0]], [], [], []]],
    ['Custom error: 18', 'charlie', 'batchSetWeights', [[NETUID], [], [0]], ['StakeThreshold', 1]],
    ['Custom error: 18', 'charlie', 'batchCommitWeights', [[NETUID], []], ['StakeThreshold', 1]],
    ['Custom error: 1', 'charlie', 'batchSetWeights', [[NETUID], [[]], [0]], ['StakeThreshold', 1]],
  ]

  test('are refused by the first fault in the order of the runtime', () =>
    withChain(OPTIONS, async (bench) => {
      const people = await peopled(bench)
      // Where nobody said otherwise weights are committed first, on subnets that are not there too.
      expect(await refusal(bench, people.bob, 'setWeights', 0, [9, 9], [1], 0)).toBe('CommitRevealEnabled')
      for (const netuid of [0, 99]) await bench.control.set('SubtensorModule.CommitRevealWeightsEnabled', [netuid], false)
      for (const [expected, who, name, args, item] of FAULTS) {
        const before = item && (await bench.control.get(`SubtensorModule.${item[0]}`, ...(item[0] === 'StakeThreshold' ? [] : [NETUID])))
        if (item) await bench.control.hyperparameter(NETUID, item[0], item[0].endsWith('Enabled') ? item[1] === 1 : item[1])
        expect(await refusal(bench, people[who], name, ...args), `${name}(${JSON.stringify(args.map(String))}) by ${who}`).toBe(expected)
        if (item) await bench.control.hyperparameter(NETUID, item[0], before as number)
      }
    }))

  test('in a batch stand each for itself: what fails is told, and the call does not', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice } = await peopled(bench)
      const { api } = bench
      const batch = async (name: string, ...args: unknown[]) => {
        const { error, events, block } = await send(api, call(api, `subtensorModule.${name}`, ...args), alice)
        expect(error).toBeNull()
        const records = await (await api.at(block)).query['system']?.['events']?.()
        const failed = (records as unknown as { event: { method: string; data: [unknown, { asModule: never }] } }[])
          .filter(({ event }) => event.method === 'BatchWeightItemFailed')
          .map(({ event }) => [Number(event.data[0]), api.registry.findMetaError(event.data[1].asModule).name])
        return { events: events.filter((event) => /Batch|Weights/.test(event)), failed }
      }
      const names = (...events: string[]) => events.map((event) => `subtensorModule.${event}`)
      const hash = `0x${'11'.repeat(32)}`
      const set = [
        [NETUID, 99],
        [[[0, 1]], [[0, 1]]],
        [0, 0],
      ]
      expect(await batch('batchSetWeights', ...set)).toEqual({
        events: names('WeightsSet', 'BatchCompletedWithErrors', 'BatchWeightItemFailed', 'BatchWeightsCompleted'),
        failed: [[99, 'CommitRevealEnabled']],
      })
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([[0, 65535]])
      expect(await batch('batchCommitWeights', [NETUID], [hash])).toMatchObject({ failed: [[NETUID, 'CommitRevealDisabled']] })
      await bench.control.hyperparameter(NETUID, 'CommitRevealWeightsEnabled', true)
      expect(await batch('batchCommitWeights', [NETUID, 99], [hash, hash])).toEqual({
        events: names('WeightsCommitted', 'BatchCompletedWithErrors', 'BatchWeightItemFailed', 'BatchWeightsCompleted'),
        failed: [[99, 'MechanismDoesNotExist']],
      })
      expect(await read(bench, 'weightCommits', NETUID, alice.address)).toEqual([[hash, 0, expect.any(Number), 0]])
    }))

  test('are scaled up to their largest, and set the time of the last update', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice, charlie, owner } = await peopled(bench)
      const { api } = bench
      const sent = await send(api, call(api, 'subtensorModule.setMechanismWeights', NETUID, 0, [0, 2, 1], [10, 20, 0], 0), alice)
      expect(sent.error).toBeNull()
      expect(sent.events).toContain('subtensorModule.WeightsSet')
      const { block } = { block: (await api.rpc.chain.getHeader(sent.block)).number.toNumber() }
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([
        [0, 32768],
        [2, 65535],
        [1, 0],
      ])
      expect(((await read(bench, 'lastUpdate', NETUID)) as number[])[1]).toBe(block)
      // Neither the owner nor who weighs only himself needs a permit.
      expect(await refusal(bench, owner, 'setWeights', NETUID, [0, 1], [1, 1], 0)).toBeNull()
      expect(await refusal(bench, charlie, 'setWeights', NETUID, [2], [1], 0)).toBeNull()
      await bench.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 5)
      expect(await refusal(bench, charlie, 'setWeights', NETUID, [2], [1], 0)).toBe('Custom error: 6')
      await bench.control.newBlocks(5)
      expect(await refusal(bench, charlie, 'setWeights', NETUID, [2], [1], 0)).toBeNull()
    }))

  test('of each mechanism stand and are limited apart', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice } = await peopled(bench)
      await bench.control.hyperparameter(NETUID, 'MechanismCountCurrent', 2)
      await bench.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 50)
      await bench.control.newBlocks(50)
      expect(await refusal(bench, alice, 'setMechanismWeights', NETUID, 1, [0], [7], 0)).toBeNull()
      expect(await refusal(bench, alice, 'setMechanismWeights', NETUID, 1, [0], [7], 0)).toBe('Custom error: 6')
      expect(await refusal(bench, alice, 'setMechanismWeights', NETUID, 0, [2], [7], 0)).toBeNull()
      expect([await read(bench, 'weights', NETUID, 1), await read(bench, 'weights', 4096 + NETUID, 1)]).toEqual([[[2, 65535]], [[0, 65535]]])
      const updates = (await read(bench, 'lastUpdate', 4096 + NETUID)) as number[]
      expect(updates).toEqual([0, expect.any(Number), 0])
      expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSelectiveMechagraph', NETUID, 1, [59])).toMatchObject({ netuid: NETUID, lastUpdate: updates })
    }))
})

describe('addresses', () => {
  const axon = (ip: bigint | number, port = 8091, type = 4) => [NETUID, 183, ip, port, type, 4, 0, 0]
  const prometheus = (ip: bigint | number, port = 8091, type = 4) => [NETUID, 183, ip, port, type]

  test('are refused as the runtime refuses them: by the pool, with its number', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice, bob } = await peopled(bench)
      for (const [expected, who, name, args] of [
        ['Custom error: 10', bob, 'serveAxon', axon(0x7f000001, 0, 5)],
        ['Custom error: 255', alice, 'serveAxon', axon(0x7f000001, 0, 5)],
        ['Custom error: 11', alice, 'serveAxon', axon(0x7f000001, 0)],
        ['Custom error: 11', alice, 'serveAxon', axon(0xffffffff)],
        ['Custom error: 11', alice, 'serveAxon', axon(1, 8091, 6)],
        ['Custom error: 13', alice, 'serveAxon', axon(0x01020304, 0)],
        ['Custom error: 255', bob, 'servePrometheus', prometheus(0, 0, 5)],
        ['Custom error: 11', bob, 'servePrometheus', prometheus(0, 0)],
        ['Custom error: 10', bob, 'servePrometheus', prometheus(0x01020304, 0)],
        ['Custom error: 13', alice, 'servePrometheus', prometheus(0x01020304, 0)],
      ] as [string, Pair, string, unknown[]][]) {
        expect(await refusal(bench, who, name, ...args), `${name}(${args.join()})`).toBe(expected)
      }
    }))

  test('stand on chain until they are served anew, which the limit allows after its blocks, for each kind apart', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice } = await peopled(bench)
      await bench.control.hyperparameter(NETUID, 'ServingRateLimit', 10)
      expect(await refusal(bench, alice, 'serveAxonTls', ...axon(0x01020304), '0x04aabb')).toBeNull()
      expect(await refusal(bench, alice, 'servePrometheus', ...prometheus(2n ** 64n, 7000, 6))).toBeNull()
      expect(await read(bench, 'axons', NETUID, alice.address)).toMatchObject({ ip: 0x01020304, port: 8091, ipType: 4, protocol: 4, version: 183 })
      expect(await read(bench, 'prometheus', NETUID, alice.address)).toMatchObject({ port: 7000, ipType: 6, version: 183 })
      expect(await read(bench, 'neuronCertificates', NETUID, alice.address)).toEqual({ publicKey: '0xaabb', algorithm: 4 })
      expect(await refusal(bench, alice, 'serveAxon', ...axon(0))).toBe('Custom error: 12')
      await bench.control.newBlocks(10)
      expect(await refusal(bench, alice, 'serveAxon', ...axon(0, 1))).toBeNull()
      expect(await read(bench, 'axons', NETUID, alice.address)).toMatchObject({ ip: 0, port: 1 })
    }))
})

describe('registration', () => {
  test('is refused by name', () =>
    withChain(OPTIONS, async (bench) => {
      const { alice, bob, charlie } = await peopled(bench)
      const dave = await pairOf('//Dave')
      const poor = await pairOf('//Poor')
      await bench.control.fund(poor.address, 500_000_000n)
      for (const [expected, who, name, args] of [
        ['RegistrationNotPermittedOnRootSubnet', bob, 'burnedRegister', [0, dave.address]],
        ['SubnetNotExists', bob, 'burnedRegister', [99, dave.address]],
        ['HotKeyAlreadyRegisteredInSubNet', poor, 'burnedRegister', [NETUID, alice.address]],
        ['NotEnoughBalanceToStake', poor, 'burnedRegister', [NETUID, dave.address]],
        ['RegistrationPriceLimitExceeded', bob, 'registerLimit', [NETUID, dave.address, 1]],
      ] as [string, Pair, string, unknown[]][]) {
        expect(await refusal(bench, who, name, ...args), name).toBe(expected)
      }
      await bench.control.deregister(NETUID, charlie.address)
      expect(await refusal(bench, dave, 'burnedRegister', NETUID, charlie.address)).toBe('NonAssociatedColdKey')
      await bench.control.hyperparameter(NETUID, 'NetworkRegistrationAllowed', false)
      expect(await refusal(bench, bob, 'burnedRegister', NETUID, dave.address)).toBe('SubNetRegistrationDisabled')
    }))

  test('costs the price of now, which rises with it and sinks with the blocks', () =>
    withChain(OPTIONS, async (bench) => {
      const { bob } = await peopled(bench)
      await bench.control.hyperparameter(NETUID, 'Burn', '1000000000')
      await bench.control.newBlocks()
      const before = BigInt((await read(bench, 'burn', NETUID)) as number)
      expect(before).toBeLessThan(1_000_000_000n)
      const dave = await pairOf('//Dave')
      const { events, error } = await send(bench.api, call(bench.api, 'subtensorModule.burnedRegister', NETUID, dave.address), bob)
      expect(error).toBeNull()
      expect(events).toContain('subtensorModule.NeuronRegistered')
      expect(await read(bench, 'uids', NETUID, dave.address)).toBe(3)
      expect(Number(await read(bench, 'burn', NETUID)) / Number(before)).toBeCloseTo(1.26 * 0.5 ** (1 / 360), 4)
      expect(await read(bench, 'owner', dave.address)).toBe(bob.address)
      await bench.control.newBlocks(360)
      expect(Number(await read(bench, 'burn', NETUID)) / Number(before)).toBeCloseTo(0.63, 2)
    }))

  test('on a full subnet takes the place of who earns least and is not immune; his address goes with him', () =>
    withChain({ ...OPTIONS, maxUids: 3 }, async (bench) => {
      const { alice, charlie, bob, owner } = await peopled(bench)
      const dave = await pairOf('//Dave')
      for (const [name, value] of [
        ['ImmunityPeriod', 0],
        ['MinNonImmuneUids', 0],
      ] as const)
        await bench.control.hyperparameter(NETUID, name, value)
      await bench.control.set('SubtensorModule.Emission', [NETUID], ['0', '9', '8'])
      expect(await refusal(bench, charlie, 'serveAxon', NETUID, 183, 0x01020304, 8091, 4, 4, 0, 0)).toBeNull()
      expect(await refusal(bench, alice, 'setWeights', NETUID, [2, 0], [1, 1], 0)).toBeNull()
      expect(await refusal(bench, bob, 'burnedRegister', NETUID, dave.address)).toBeNull()
      expect(await read(bench, 'uids', NETUID, dave.address)).toBe(2)
      expect(await read(bench, 'uids', NETUID, owner.address)).toBe(0)
      expect(await read(bench, 'uids', NETUID, charlie.address)).toBeNull()
      expect(await read(bench, 'axons', NETUID, charlie.address)).toBeNull()
      expect(await read(bench, 'weights', NETUID, 1)).toEqual([
        [2, 0],
        [0, 65535],
      ])
    }))
})

test('a metagraph says what the storage says, in one question or by neuron', () =>
  withChain(OPTIONS, async (bench) => {
    const { alice } = await peopled(bench)
    await bench.control.stake(alice.address, NETUID, 5_000n)
    await bench.control.stake(alice.address, 0, 1_000_000n)
    expect(await refusal(bench, alice, 'serveAxon', NETUID, 183, 0x01020304, 8091, 4, 4, 0, 0)).toBeNull()
    const all = Array.from({ length: 74 }, (_, i) => i)
    const graph = (await ask(bench.api, 'subnetInfoRuntimeApi.getSelectiveMetagraph', NETUID, all)) as Record<string, unknown[]>
    const whole = (await ask(bench.api, 'subnetInfoRuntimeApi.getMetagraph', NETUID)) as Record<string, unknown>
    const { validators, commitments, ...shared } = graph
    expect(shared).toEqual(whole)
    expect([validators, commitments]).toEqual([[1], []])
    expect(graph).toMatchObject({ netuid: NETUID, tempo: 360, numUids: 3, ownerHotkey: graph['hotkeys']?.[0] })
    for (const [field, item] of Object.entries({
      validatorPermit: 'validatorPermit',
      lastUpdate: 'lastUpdate',
      active: 'active',
      emission: 'emission',
      burn: 'burn',
    })) {
      expect(graph[field], field).toEqual(await read(bench, item, NETUID))
    }
    const weight = 971718665099567868n
    expect(graph['totalStake']?.[1]).toBe(Number(5_000n + (1_000_000n * weight) / (2n ** 64n - 1n)))
    const neurons = (await ask(bench.api, 'neuronInfoRuntimeApi.getNeurons', NETUID)) as Record<string, unknown>[]
    expect(neurons.map(({ hotkey }) => hotkey)).toEqual(graph['hotkeys'])
    expect(neurons[1]).toMatchObject({ axonInfo: graph['axons']?.[1], stake: [[graph['coldkeys']?.[1], 5000]], pruningScore: 65535 })
    expect(await ask(bench.api, 'neuronInfoRuntimeApi.getNeuronLite', NETUID, 9)).toBeNull()
    expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSubnetHyperparams', NETUID)).toMatchObject({ tempo: 360, maxValidators: 64 })
    expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSubnetHyperparamsV2', NETUID)).toMatchObject({ yumaVersion: 3 })
    expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSubnetState', NETUID)).toMatchObject({ totalStake: graph['totalStake'] })
    // Index 0 was not asked for: the runtime leaves the netuid at 0.
    expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSelectiveMetagraph', NETUID, [8])).toMatchObject({ netuid: 0, tempo: 360, hotkeys: null })
    expect(await ask(bench.api, 'subnetInfoRuntimeApi.getSelectiveMetagraph', 99, [8])).toBeNull()
  }))
