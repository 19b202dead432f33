import { describe, expect, onTestFinished, test } from 'vitest'
import type { Beacon } from '../../node-agents/core/chain/drand.ts'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import { realClock } from '../../node-agents/core/clock.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import { DEV, NETUID, ownChain, QUICK } from '../support/connected.ts'

const { Alice } = DEV
const BLOCK_MS = 12_000
const call = { netuid: NETUID, mechanism: 0, uids: [0, 1], values: [65_535, 12_345], versionKey: 0 }

/** A chain in a time of its own, where Alice (uid 1) may set weights, and the port on it. */
async function committing() {
  let nowMs = Date.now()
  const { url, control } = await ownChain({ commitReveal: true, tempo: 10, nowMs: () => nowMs })
  await control.register(NETUID, Alice.address, Alice.address)
  await control.stake(Alice.address, NETUID, 1_000_000_000_000n)
  await control.permit(NETUID, 1, true)
  await control.hyperparameter(NETUID, 'WeightsSetRateLimit', 0)
  const beacon = await control.call<Beacon>('beacon', {})
  const next = async () => {
    nowMs += BLOCK_MS
    return control.newBlocks()
  }
  await next()
  const clock = { ...realClock, wallMs: () => nowMs }
  const chain = connectChain({ endpoints: [url], genesis: null, log: makeLog('silent', 'test'), clock, blockMs: BLOCK_MS, beacon, limits: QUICK })
  const end = new AbortController()
  const running = chain.run(end.signal)
  onTestFinished(async () => {
    end.abort()
    await running
  })
  await chain.ready(AbortSignal.timeout(30_000))
  return { chain, control, next }
}

describe('weights committed by timelock', () => {
  test('are revealed by the chain itself, no earlier than said, as they were given', async () => {
    const { chain, next } = await committing()
    const receipt = await chain.commitTimelocked(Alice, call)
    expect(receipt.events).toContain('SubtensorModule.TimelockedWeightsCommitted')
    expect(await chain.lastUpdate(NETUID, 0, 1)).toBe(receipt.block.number)
    let block = receipt.block.number
    while ((await chain.weights(NETUID, 0, 1)).length === 0 && block < receipt.revealBlock + 10) block = (await next()).number
    expect(await chain.weights(NETUID, 0, 1)).toEqual([
      [0, 65_535],
      [1, 12_345],
    ])
    // The block of the commit took no time here, and a pulse counts from the block after the one it came in.
    expect(block).toBeGreaterThanOrEqual(receipt.revealBlock)
    expect(block).toBeLessThanOrEqual(receipt.revealBlock + 2)
  })

  test('stay hidden while the beacon is silent', async () => {
    const { chain, control, next } = await committing()
    const { revealBlock } = await chain.commitTimelocked(Alice, call)
    await control.call('beaconSilent', { on: true })
    for (let block = 0; block < revealBlock + 5; block = (await next()).number);
    expect(await chain.weights(NETUID, 0, 1)).toEqual([])
  })
})
