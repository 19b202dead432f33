import { expect, onTestFinished, test } from 'vitest'
import { agentOn, DEV, NETUID, ownChain } from '../support/connected.ts'
import { relay } from '../support/relay.ts'
import { until } from '../support/until.ts'

/** What no honest endpoint says. The port must neither fall over, nor believe it, nor stay with who says it. */

/** One chain behind two endpoints; the port is on the first. */
async function twoDoors() {
  const node = await ownChain()
  await node.control.advance(5)
  const [first, second] = [await relay(node.url), await relay(node.url)]
  for (const door of [first, second]) onTestFinished(() => door.close())
  const chain = agentOn([first.url, second.url])
  await chain.ready(AbortSignal.timeout(30_000))
  const gone = () => until('the second endpoint', () => chain.status().endpoint === second.url)
  return { ...node, chain, first, second, gone }
}

test.each([
  ['nothing', 'null'],
  ['no JSON', '{'],
  ['a subscription of no name', '{"params":{"subscription":{"toString":1}}}'],
])('%s at all: the endpoint is left', async (_, text) => {
  const { first, gone } = await twoDoors()
  first.say(text)
  await gone()
})

test('one that answers every question, each of them late, is left', async () => {
  const node = await ownChain()
  const slow = await relay(node.url)
  onTestFinished(() => slow.close())
  const held: string[] = []
  slow.edits({ down: (message) => (held.push(JSON.stringify(message)), null) })
  const timer = setInterval(() => slow.say(held.shift() ?? '[]'), 600)
  onTestFinished(() => clearInterval(timer))
  const chain = agentOn([slow.url], { callMs: 1000, dialMs: 1500 })
  await until('that it is said', () => /not ready within 1.5 s/.test(chain.status().trouble ?? ''))
})

test('blocks that one made up and finalized do not silence the others for good', async () => {
  const [ahead, node] = [await ownChain(), await ownChain()]
  await ahead.control.advance(100)
  await node.control.advance(3)
  const liar = await relay(ahead.url)
  onTestFinished(() => liar.close())
  const chain = agentOn([liar.url, node.url])
  await until('what the first made up', () => chain.status().finalized?.number === 100)
  const told: number[] = []
  chain.onFinalized(({ number }) => told.push(number))
  await liar.down()
  await until('the other endpoint', () => chain.status().endpoint === node.url)
  await node.control.advance()
  await until('what is final there', () => told.includes(4))
  expect(chain.status().finalized?.number).toBe(4)
})

test.each(['chain_newHead', 'chain_finalizedHead'])('an empty %s: the endpoint is left', async (method) => {
  const { first, control, gone } = await twoDoors()
  first.edits({ down: (message, asked) => (asked === method ? { ...message, params: { ...(message.params as object), result: null } } : message) })
  await control.advance()
  await gone()
})

test.each([
  ['answers and pushes that nobody asked for', ['7', '[]', '"x"', '{"id":9999,"result":1}', '{"id":null}', '{"params":{"subscription":"none","result":null}}']],
])('%s change nothing', async (_, texts) => {
  const { first, chain } = await twoDoors()
  for (const text of texts) first.say(text)
  expect((await chain.metagraph(NETUID))?.netuid).toBe(NETUID)
  expect(chain.status()).toMatchObject({ endpoint: first.url, failovers: 0 })
})

test.each([
  ['state_queryStorageAt', []],
  ['state_queryStorageAt', [{ changes: [] }]],
  ['state_queryStorageAt', null],
  ['state_queryStorageAt', [{ changes: 5 }]],
  ['state_getStorage', 5],
  ['state_getStorage', '0x0'],
  ['state_call', null],
  ['state_call', '0x'],
  ['chain_getHeader', 5],
  ['chain_getHeader', { number: 'x', parentHash: 7 }],
  ['chain_getBlockHash', null],
])('%s answered with %j is an error that the caller can name, and never a value', async (method, result) => {
  const { first, chain } = await twoDoors()
  const old = (await chain.hashAt(2)) ?? undefined
  first.edits({ down: (message, asked) => (asked === method ? { ...message, result } : message) })
  const asked = [
    chain.hyperparameters(NETUID),
    chain.metagraph(NETUID),
    chain.metagraph(NETUID, old),
    chain.uidOf(NETUID, DEV.Alice.address),
    chain.balance(DEV.Alice.address),
  ]
  const settled = await Promise.allSettled(asked)
  const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  expect(refused).not.toEqual([])
  for (const error of refused) expect(error).toMatchObject({ name: 'ChainError', code: expect.stringMatching(/Unexpected|Undecodable/) })
})
