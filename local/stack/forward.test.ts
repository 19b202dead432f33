import { expect, onTestFinished, test } from 'vitest'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import { DEV, NETUID, ownChain, QUICK } from '../../test/support/connected.ts'
import { Beacon } from '../chain/drand/beacon.ts'
import { Forward } from './forward.ts'
import { BLOCK_MS } from './pace.ts'

const { Alice } = DEV
const TEMPO = 360

test('what was committed to a round hours away is revealed as soon as its epoch is there', async () => {
  const { url, control } = await ownChain({ commitReveal: true, tempo: TEMPO })
  await control.register(NETUID, Alice.address, Alice.address)
  await control.stake(Alice.address, NETUID, 1_000_000_000_000n)
  await control.permit(NETUID, 1, true)
  await control.newBlocks(100)
  const chain = connectChain({ endpoints: [url], genesis: null, log: makeLog('silent', 'test'), limits: QUICK, blockMs: BLOCK_MS, beacon: new Beacon().info })
  const end = new AbortController()
  const running = chain.run(end.signal)
  onTestFinished(async () => {
    end.abort()
    await running
  })
  await chain.ready(AbortSignal.timeout(30_000))
  const { block, revealBlock } = await chain.commitTimelocked(Alice, { netuid: NETUID, mechanism: 0, uids: [0], values: [65_535], versionKey: 183 })

  const weights = () => control.get('SubtensorModule.Weights', NETUID, 1)
  const forward = new Forward(url, NETUID)
  expect([forward.isSeen(null), forward.isSeen(0)]).toEqual([false, true])
  await forward.to(revealBlock - TEMPO)
  expect([forward.isSeen(block.number), forward.isSeen(revealBlock)]).toEqual([false, true])
  expect(await weights()).toEqual([])
  await forward.pulses()
  await forward.to(revealBlock + 1)
  expect(await weights()).toEqual([[0, 65_535]])
})
