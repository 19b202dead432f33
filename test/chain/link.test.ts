import { describe, expect, test, vi } from 'vitest'
import { hotkeyFromSeed } from '../../node-agents/core/hotkey.ts'
import { DEV, agentOn, NETUID, ownChain } from '../support/connected.ts'
import { call, connect, pairOf, query, send } from '../support/polkadot.ts'
import { until } from '../support/until.ts'

const { Alice, Bob } = DEV
const here = { ip: '203.0.113.7', port: 8091, version: 183 }
const soon = () => AbortSignal.timeout(30_000)

/** A chain with Alice (uid 1, may set weights) and Bob (uid 2), and the port on it. */
async function subnet(options: Parameters<typeof ownChain>[0] = {}) {
  const node = await ownChain(options)
  for (const { address } of [Alice, Bob]) await node.control.register(NETUID, address, address)
  await node.control.stake(Alice.address, NETUID, 1_000_000_000_000n)
  await node.control.permit(NETUID, 1, true)
  for (const limit of ['WeightsSetRateLimit', 'ServingRateLimit']) await node.control.hyperparameter(NETUID, limit, 0)
  const chain = agentOn([node.url])
  await chain.ready(soon())
  return { ...node, chain }
}

const weights = (values: number[]) => ({ netuid: NETUID, mechanism: 0, uids: values.map((_, uid) => uid), values, versionKey: 0 })

describe('what is written through the port', () => {
  test('is read by the public client as it was meant', async () => {
    const { chain, url } = await subnet()
    const { api, close } = await connect(url)
    const receipt = await chain.serveAxon(Alice, { netuid: NETUID, ...here })
    expect(receipt.events).toContain('SubtensorModule.AxonServed')
    expect((await query(api, 'subtensorModule.axons')(NETUID, Alice.address)).toJSON()).toMatchObject({
      ip: 0xcb007107,
      port: 8091,
      version: 183,
      ipType: 4,
      protocol: 4,
    })
    await chain.servePrometheus(Alice, { netuid: NETUID, ...here, port: 9100 })
    expect((await query(api, 'subtensorModule.prometheus')(NETUID, Alice.address)).toJSON()).toMatchObject({
      ip: 0xcb007107,
      port: 9100,
      version: 183,
      ipType: 4,
    })
    await chain.setWeights(Alice, weights([10, 20, 65_535]))
    expect((await query(api, 'subtensorModule.weights')(NETUID, 1)).toJSON()).toEqual([
      [0, 10],
      [1, 20],
      [2, 65_535],
    ])
    expect(await chain.weights(NETUID, 0, 1)).toEqual([
      [0, 10],
      [1, 20],
      [2, 65_535],
    ])
    await close()
  })

  test('more than 256 bytes to sign are signed as the chain checks them', async () => {
    const { chain, control } = await subnet()
    await control.hyperparameter(NETUID, 'MaxAllowedUids', 256)
    for (let uid = 3; uid < 120; uid++) {
      const { address } = hotkeyFromSeed(new Uint8Array(32).fill(uid))
      await control.register(NETUID, address, address)
    }
    await chain.setWeights(Alice, weights(Array.from({ length: 120 }, (_, i) => i + 65_535 - 120)))
    expect(await chain.weights(NETUID, 0, 1)).toHaveLength(120)
  })

  test('a coldkey registers, and pays', async () => {
    const { chain } = await subnet()
    const fresh = hotkeyFromSeed(new Uint8Array(32).fill(7))
    const before = await chain.balance(Bob.address)
    const receipt = await chain.register(Bob, { netuid: NETUID, hotkey: fresh.address })
    expect(receipt.events).toContain('SubtensorModule.NeuronRegistered')
    expect(await chain.uidOf(NETUID, fresh.address)).toBe(3)
    expect(await chain.balance(Bob.address)).toBeLessThan(before)
  })

  test('prints nothing', async () => {
    const said = (['log', 'info', 'warn', 'error', 'debug'] as const).map((name) => vi.spyOn(console, name).mockImplementation(() => undefined))
    const { chain } = await subnet()
    await chain.serveAxon(Alice, { netuid: NETUID, ...here })
    await expect(chain.setWeights(Bob, weights([1, 1, 1]))).rejects.toThrow()
    for (const spy of said) {
      expect(spy).not.toHaveBeenCalled()
      spy.mockRestore()
    }
  })
})

test('what the public client writes is read through the port', async () => {
  const { chain, url } = await subnet()
  const { api, close } = await connect(url)
  const { error } = await send(api, call(api, 'subtensorModule.serveAxon', NETUID, 183, 0x7f000105, 8092, 4, 4, 0, 0), await pairOf('//Bob'))
  expect(error).toBeNull()
  expect(await chain.axon(NETUID, Bob.address)).toMatchObject({ ip: '127.0.1.5', port: 8092, version: 183 })
  const metagraph = await chain.metagraph(NETUID)
  expect(metagraph?.neurons[2]).toMatchObject({ hotkey: Bob.address, axon: { port: 8092 } })
  await close()
})

describe('blocks', () => {
  test('every best one is heard, and every final one, in order', async () => {
    const { chain, control } = await subnet({ blockMs: 'manual' })
    const heads: number[] = []
    const finals: number[] = []
    const first = chain.status().head?.number ?? 0
    chain.onHead(({ number }) => heads.push(number))
    chain.onFinalized(({ number }) => finals.push(number))
    await control.newBlocks(3)
    await until('three heads', () => heads.at(-1) === first + 3)
    expect(heads).toEqual([1, 2, 3].map((n) => first + n))
    await control.finalize()
    await until('finality', () => finals.at(-1) === first + 3)
    expect(chain.status()).toMatchObject({ head: { number: first + 3 }, finalized: { number: first + 3 }, trouble: null })
  })

  test('one that is replaced is heard again under another hash, and read as the new one', async () => {
    const { chain, control } = await subnet({ blockMs: 'manual' })
    await control.advance()
    const heard: { number: number; hash: string }[] = []
    chain.onHead((block) => heard.push(block))
    const lost = await control.newBlocks()
    await until('the first branch', () => heard.at(-1)?.hash === lost.hash)
    const [instead, next] = await control.reorg(1)
    await until('the second branch', () => heard.at(-1)?.hash === next?.hash)
    expect(await chain.hashAt(lost.number)).toBe(instead?.hash)
    expect(instead?.hash).not.toBe(lost.hash)
    expect(chain.status()).toMatchObject({ failovers: 0, trouble: null })
  })
})

describe('a runtime upgrade while connected', () => {
  test('calls, errors, events and readings are those of the new runtime, and old blocks are read by the old one', async () => {
    const { chain, control } = await subnet()
    await chain.serveAxon(Alice, { netuid: NETUID, ...here })
    const before = chain.status()
    const old = before.head?.hash
    await control.upgrade()
    const receipt = await chain.serveAxon(Alice, { netuid: NETUID, ...here, port: 8100 })
    expect(receipt.events).toContain('SubtensorModule.AxonServed')
    expect(await chain.axon(NETUID, Alice.address)).toMatchObject({ port: 8100 })
    expect(await chain.axon(NETUID, Alice.address, old)).toMatchObject({ port: 8091 })
    await expect(chain.setWeights(Bob, weights([1, 1, 1]))).rejects.toMatchObject({ code: 'NeuronNoValidatorPermit' })
    expect((await chain.metagraph(NETUID))?.neurons).toHaveLength(3)
    await until('the new version', () => chain.status().spec === (before.spec ?? 0) + 1)
    expect(chain.status().failovers).toBe(0)
  })
})

describe('nonces', () => {
  test('several transactions of one key at once all get in', async () => {
    const { chain } = await subnet()
    await Promise.all([
      chain.serveAxon(Alice, { netuid: NETUID, ...here }),
      chain.servePrometheus(Alice, { netuid: NETUID, ...here }),
      chain.setWeights(Alice, weights([1, 2, 3])),
    ])
    expect(await chain.axon(NETUID, Alice.address)).toMatchObject({ port: 8091 })
    expect(await chain.prometheus(NETUID, Alice.address)).toMatchObject({ port: 8091 })
    expect(await chain.weights(NETUID, 0, 1)).toHaveLength(3)
  })

  test('two programs with one key do not lose a transaction', async () => {
    const { chain, url, control } = await subnet({ blockMs: 'manual' })
    await control.advance()
    const other = agentOn([url])
    await other.ready(soon())
    const sent = Promise.all([
      ...[1, 2, 3].map((n) => chain.serveAxon(Alice, { netuid: NETUID, ...here, port: 8000 + n })),
      ...[1, 2, 3].map((n) => other.servePrometheus(Alice, { netuid: NETUID, ...here, port: 9000 + n })),
    ])
    let done = false
    const finished = sent.finally(() => (done = true))
    await until('all six', async () => {
      await control.advance()
      return done
    })
    const receipts = await finished
    expect(new Set(receipts.map(({ extrinsic }) => extrinsic)).size).toBe(6)
  })
})
