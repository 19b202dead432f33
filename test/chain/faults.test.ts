import { describe, expect, onTestFinished, test } from 'vitest'
import type { Limits } from '../../node-agents/core/chain/limits.ts'
import { agentOn, DEV, NETUID, ownChain } from '../support/connected.ts'
import { type Message, relay, type Relay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const { Alice } = DEV
const here = { netuid: NETUID, ip: '203.0.113.7', port: 8091, version: 183 }
const soon = () => AbortSignal.timeout(30_000)

/** One chain behind several endpoints, and the port on all of them in turn. */
async function behind(count: number, limits: Partial<Limits> = {}, pace: 'instant' | 'manual' | number = 'instant') {
  const node = await ownChain({ blockMs: pace })
  await node.control.register(NETUID, Alice.address, Alice.address)
  await node.control.hyperparameter(NETUID, 'ServingRateLimit', 0)
  await node.control.advance(2)
  const doors: Relay[] = []
  for (let i = 0; i < count; i++) {
    const door = await relay(node.url)
    onTestFinished(() => door.close())
    doors.push(door)
  }
  const [first, second] = doors as [Relay, Relay]
  const chain = agentOn(
    doors.map(({ url }) => url),
    limits,
  )
  await chain.ready(soon())
  return { ...node, chain, first, second }
}

const onEndpoint = (chain: { status(): { endpoint: string | null } }, door: Relay) =>
  until(`the endpoint ${door.url}`, () => chain.status().endpoint === door.url)
const isHeads = (message: Message, asked: string | undefined) => asked === 'chain_newHead' && message.params !== undefined

describe('an endpoint is left for the next', () => {
  test('when it closes; readings and blocks go on', async () => {
    const { chain, control, first, second } = await behind(2)
    expect(chain.status()).toMatchObject({ endpoint: first.url, failovers: 0 })
    await first.down()
    await onEndpoint(chain, second)
    const heads: number[] = []
    chain.onHead(({ number }) => heads.push(number))
    const { number } = await control.advance()
    await until('a head over the second', () => heads.includes(number))
    expect(await chain.uidOf(NETUID, Alice.address)).toBe(1)
    expect(chain.status()).toMatchObject({ failovers: 1, trouble: null })
  })

  test('when it no longer answers', async () => {
    const { chain, first, second } = await behind(2, { pulseMs: 50, pulseLateMs: 200 })
    first.edits({ down: () => null })
    await onEndpoint(chain, second)
    first.honest()
  })

  test('when it answers, but shows no new block', async () => {
    const { chain, first, second } = await behind(2, { stallMs: 1000 }, 50)
    first.edits({ down: (message, asked) => (isHeads(message, asked) ? null : message) })
    await onEndpoint(chain, second)
  })
})

describe('an endpoint that cannot be telling the truth is left, and it is said why', () => {
  const leftBecause = async (chain: { status(): { trouble: string | null; endpoint: string | null } }, why: RegExp) =>
    until(`trouble like ${why}`, () => chain.status().endpoint === null && why.test(chain.status().trouble ?? ''))

  test('a head that nobody made', async () => {
    const { chain, control } = await behind(1)
    await control.lie({ headBy: 5 })
    await control.newBlocks()
    await leftBecause(chain, /on top of a block that is not there/)
    await control.resume()
    await chain.ready(soon())
    expect(chain.status().trouble).toBeNull()
  })

  test('a best block below the finalized one', async () => {
    const { chain, control } = await behind(1)
    await control.lie({ headBy: -2 })
    await control.advance(1)
    await leftBecause(chain, /above its best block/)
    await control.resume()
    await chain.ready(soon())
  })

  test('finality that goes back', async () => {
    const { chain, control, first } = await behind(1)
    const told: Message[] = []
    first.edits({
      down: (message, asked) => {
        if (asked === 'chain_finalizedHead') told.push(message)
        const again = told[0]
        return asked === 'chain_finalizedHead' && again && told.length > 2 ? again : message
      },
    })
    for (let i = 0; i < 3; i++) await control.advance()
    await leftBecause(chain, /it finalized block \d+ after block \d+/)
    first.honest()
  })

  test.each([
    ['stuck in the past', -3_600_000, /3600 s old: it has fallen behind, unless the clock of this machine is wrong/],
    ['ahead of time', 3_600_000, /in the future, unless the clock/],
  ])('blocks %s', async (_, awayMs, why) => {
    const node = await ownChain({ nowMs: () => Date.now() + awayMs })
    await node.control.newBlocks(2)
    const chain = agentOn([node.url])
    await leftBecause(chain, why)
    await expect(chain.ready(AbortSignal.timeout(300))).rejects.toThrow()
  })

  test('another chain than the pinned one', async () => {
    const { chain, first, second } = await behind(2)
    const { genesis } = chain.status()
    const other = `0x${'5'.repeat(64)}`
    first.edits({ down: (message) => (message.result === genesis ? { ...message, result: other } : message) })
    await chain.stop()
    const pinned = agentOn([first.url, second.url], {}, genesis)
    await pinned.ready(soon())
    expect(pinned.status()).toMatchObject({ endpoint: second.url, genesis })
    const never = agentOn([first.url], {}, genesis)
    await leftBecause(never, /serves another chain .* correct the endpoint, or --chain/)
  })
})

describe('the chain is away', () => {
  test('who asks is told so in bounded time, and all goes on when it is back', async () => {
    const { chain, control, first } = await behind(1, { waitMs: 200 })
    const heads: number[] = []
    chain.onHead(({ number }) => heads.push(number))
    await first.down()
    await until('the end of the connection', () => chain.status().endpoint === null)
    await expect(chain.metagraph(NETUID)).rejects.toMatchObject({ code: 'NoEndpoint', kind: 'connection', retryable: true })
    await expect(chain.serveAxon(Alice, here)).rejects.toMatchObject({ code: 'NoEndpoint' })
    await control.advance(300)
    await first.up()
    await chain.ready(soon())
    const { number } = await control.advance()
    await until('a head again', () => heads.includes(number))
    expect((await chain.metagraph(NETUID))?.block.number).toBe(number)
  })

  test('a question on the way is answered with an error at once', async () => {
    const { chain, first } = await behind(1, { waitMs: 200 })
    first.edits({ down: (message, asked) => (asked === 'state_call' ? null : message) })
    const asked = chain.metagraph(NETUID)
    const refused = expect(asked).rejects.toMatchObject({ code: 'ConnectionLost', retryable: true })
    await until('the question is on its way', () => first.connections() === 1)
    await first.down()
    await refused
  })

  test('an endpoint that does not answer one question keeps nobody waiting for long', async () => {
    const { chain, first } = await behind(1, { callMs: 300 })
    first.edits({ down: (message, asked) => (asked === 'state_call' ? null : message) })
    await expect(chain.metagraph(NETUID)).rejects.toMatchObject({ code: 'Timeout', kind: 'connection' })
  })
})

describe('a transaction whose connection dies', () => {
  test('is found in its block afterwards', async () => {
    const { chain, control, first } = await behind(1, {}, 'manual')
    const sending = chain.serveAxon(Alice, here)
    let took = false
    first.edits({ up: (message) => message, down: (message, asked) => ((took ||= asked === 'author_extrinsicUpdate'), message) })
    await until('the pool has it', () => took)
    await first.down()
    const { number } = await control.advance()
    await first.up()
    const receipt = await sending
    expect(receipt.block.number).toBe(number)
    expect(await chain.axon(NETUID, Alice.address)).toMatchObject({ port: here.port, block: number })
  })

  test('before the pool had it: goes in once, over the next connection', async () => {
    const { chain, control, first } = await behind(1, {}, 'manual')
    let swallowed = 0
    first.edits({ up: (message) => (message.method === 'author_submitAndWatchExtrinsic' && swallowed++ === 0 ? null : message) })
    const sending = chain.serveAxon(Alice, here)
    await until('it is on its way', () => swallowed === 1)
    await first.down()
    await first.up()
    await until('it is sent again', () => swallowed === 2)
    const { number } = await until('a block with it', async () => {
      const block = await control.advance()
      return (await chain.axon(NETUID, Alice.address).catch(() => null)) ? block : null
    })
    expect((await sending).block.number).toBeLessThanOrEqual(number)
  })

  test('is found through another endpoint', async () => {
    const { chain, control, first, second } = await behind(2, {}, 'manual')
    const sending = chain.serveAxon(Alice, here)
    let took = false
    first.edits({ down: (message, asked) => ((took ||= asked === 'author_extrinsicUpdate'), message) })
    await until('the pool has it', () => took)
    await first.down()
    await onEndpoint(chain, second)
    const { number } = await control.advance()
    expect((await sending).block.number).toBe(number)
  })

  test('is not sent a second time when the search for it is cut short', async () => {
    const { chain, control, first } = await behind(1, { callMs: 500 }, 'manual')
    const sending = chain.serveAxon(Alice, here)
    let took = false
    first.edits({ down: (message, asked) => ((took ||= asked === 'author_extrinsicUpdate'), message) })
    await until('the pool has it', () => took)
    await first.down()
    const { number } = await control.advance()
    await control.advance(4)
    let searched = 0
    const submitted: Message[] = []
    first.edits({
      up: (message) => {
        if (message.method === 'author_submitAndWatchExtrinsic') submitted.push(message)
        return message
      },
      down: (message, asked) => (asked === 'chain_getBlock' && ++searched === 3 ? null : message),
    })
    await first.up()
    expect((await sending).block.number).toBe(number)
    expect(submitted).toEqual([])
  })

  test('and that the chain no longer wants is refused by name', async () => {
    const { chain, control, first } = await behind(1, {}, 'manual')
    await control.deregister(NETUID, Alice.address)
    const sending = chain.serveAxon(Alice, here)
    const refused = expect(sending).rejects.toMatchObject({ code: 'HotKeyNotRegisteredInNetwork' })
    let took = false
    first.edits({ down: (message, asked) => ((took ||= asked === 'author_extrinsicUpdate'), message) })
    await until('the pool has it', () => took)
    await first.down()
    await control.advance()
    await first.up()
    await refused
  })

  test('for good: nobody says that it failed, nor that it was done', async () => {
    const { chain, first } = await behind(1, { submitMs: 1500 }, 'manual')
    const sending = chain.serveAxon(Alice, here)
    const refused = expect(sending).rejects.toMatchObject({ code: 'Unknown', retryable: false, message: expect.stringMatching(/Read back/) })
    let took = false
    first.edits({ down: (message, asked) => ((took ||= asked === 'author_extrinsicUpdate'), message) })
    await until('the pool has it', () => took)
    await first.down()
    await refused
  })
})

describe('a transaction that is refused', () => {
  test('at the door of the pool, by the name the chain has for it', async () => {
    const { chain, control } = await behind(1)
    await control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Custom error: 6' })
    await expect(chain.serveAxon(Alice, here)).rejects.toMatchObject({ code: 'RateLimitExceeded', kind: 'pool', retryable: true })
    await control.reject({ code: 1016, message: 'Immediately Dropped' })
    await expect(chain.serveAxon(Alice, here)).rejects.toMatchObject({ code: 'ImmediatelyDropped', kind: 'pool', retryable: true })
  })

  test('for its nonce or its signature is signed anew', async () => {
    const { chain, control } = await behind(1)
    await control.reject({ code: 1014, message: 'Priority is too low', data: '(1 > 0)' })
    await control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Transaction is outdated' })
    await expect(chain.serveAxon(Alice, here)).resolves.toMatchObject({ events: expect.arrayContaining(['SubtensorModule.AxonServed']) })
  })

  test('inside its block, by the name of the pallet', async () => {
    const { chain, control } = await behind(1)
    await control.hyperparameter(NETUID, 'ServingRateLimit', 50)
    await chain.serveAxon(Alice, here)
    await expect(chain.serveAxon(Alice, here)).rejects.toMatchObject({ code: 'ServingRateLimitExceeded', retryable: true })
  })

  test('a replaced block takes its transaction back to the pool: it ends in another', async () => {
    const { chain, control } = await behind(1, {}, 'manual')
    const sending = chain.serveAxon(Alice, here)
    await until('it is in a block', async () => {
      await control.newBlocks()
      return chain.axon(NETUID, Alice.address)
    })
    await sending
    await control.reorg(1)
    await control.newBlocks()
    await until('it is there again', () => chain.axon(NETUID, Alice.address))
  })
})
