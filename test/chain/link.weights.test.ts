import { expect, test } from 'vitest'
import type { Chain } from '../../node-agents/core/ports.ts'
import { DEV, agentOn, NETUID, ownChain } from '../support/connected.ts'
import { connect, query } from '../support/polkadot.ts'

/** The three ways to set weights, each read back by the public client. What of them the chain reveals is for the tests of the chain. */

const { Alice, Bob } = DEV
const call = { netuid: NETUID, mechanism: 0, uids: [0, 1, 2], values: [10, 20, 65_535], versionKey: 183 }
const rows = [
  [0, 10],
  [1, 20],
  [2, 65_535],
]

/** Alice (uid 1) may set weights. */
async function validator(commitReveal: boolean) {
  const node = await ownChain({ commitReveal, tempo: 10 })
  for (const { address } of [Alice, Bob]) await node.control.register(NETUID, address, address)
  await node.control.stake(Alice.address, NETUID, 1_000_000_000_000n)
  await node.control.permit(NETUID, 1, true)
  await node.control.hyperparameter(NETUID, 'WeightsSetRateLimit', 0)
  const chain: Chain = agentOn([node.url])
  await chain.ready(AbortSignal.timeout(30_000))
  return { ...node, chain }
}

test('of another mechanism', async () => {
  const { chain, control, url } = await validator(false)
  await control.set('SubtensorModule.MechanismCountCurrent', [NETUID], 2)
  await control.permit(NETUID, 1, true)
  await chain.setWeights(Alice, { ...call, mechanism: 1 })
  expect(await chain.weights(NETUID, 1, 1)).toEqual(rows)
  expect(await chain.weights(NETUID, 0, 1)).toEqual([])
  const { api, close } = await connect(url)
  expect((await query(api, 'subtensorModule.weights')(4096 + NETUID, 1)).toJSON()).toEqual(rows)
  await close()
})

test('where commitments are wanted, weights in the open are refused', async () => {
  const { chain } = await validator(true)
  await expect(chain.setWeights(Alice, call)).rejects.toMatchObject({ code: 'CommitRevealEnabled', kind: 'dispatch' })
})

test('committed as a hash, and revealed in the next epoch', async () => {
  const { chain, control } = await validator(true)
  const salt = [1, 2, 3, 4]
  const committed = await chain.commitWeights(Alice, call, salt)
  expect(committed.events).toContain('SubtensorModule.WeightsCommitted')
  await expect(chain.revealWeights(Alice, call, salt)).rejects.toMatchObject({ code: 'CommitBlockNotInRevealRange', kind: 'pool', retryable: true })
  await control.newBlocks(10)
  await expect(chain.revealWeights(Alice, call, [9])).rejects.toMatchObject({ code: 'CommitNotFound', kind: 'pool' })
  const revealed = await chain.revealWeights(Alice, call, salt)
  expect(revealed.events).toContain('SubtensorModule.WeightsRevealed')
  expect(await chain.weights(NETUID, 0, 1)).toEqual(rows)
})

test('committed to a round of the beacon', async () => {
  const { chain, url } = await validator(true)
  const committed = await chain.commitTimelocked(Alice, call)
  expect(committed.events).toContain('SubtensorModule.TimelockedWeightsCommitted')
  expect(committed.revealBlock).toBeGreaterThan(committed.block.number)
  const { api, close } = await connect(url)
  const all = (await query(api, 'subtensorModule.timelockedWeightCommits').entries(NETUID)).map(([, value]) => value.toJSON())
  expect(all).toEqual([[[Alice.address, committed.block.number, expect.stringMatching(/^0x/), committed.round]]])
  await close()
})
