import { describe, expect, it } from 'vitest'
import type { Beacon } from '../../node-agents/core/chain/drand.ts'
import { readPulse } from '../../node-agents/core/chain/lookups.ts'
import { verifyPulse } from '../../node-agents/core/chain/pulse.ts'
import type { Link } from '../../node-agents/core/chain/wire.ts'
import { agentOn, ownChain } from '../support/connected.ts'
import { connect, query } from '../support/polkadot.ts'

const PERIOD_MS = 3000

/** A chain in a time of its own, which begins with its first pulse, and the port on it. */
async function pulsing() {
  let nowMs = Date.now()
  const { url, control } = await ownChain({ nowMs: () => nowMs })
  const chain = agentOn([url])
  await chain.ready(AbortSignal.timeout(30_000))
  const next = async () => {
    nowMs += PERIOD_MS
    return control.newBlocks()
  }
  return { url, control, chain, next, beacon: await control.call<Beacon>('beacon', {}) }
}

describe('the newest pulse of the chain', () => {
  it('is the one the public client reads, of its round, and signed by the beacon', async () => {
    const { url, chain, next, beacon } = await pulsing()
    await next()
    const client = await connect(url)
    try {
      const round = Number(String(await query(client.api, 'drand.lastStoredRound')()))
      const theirs = (await query(client.api, 'drand.pulses')(round)).toJSON() as { randomness: string; signature: string }
      const pulse = { round, randomness: theirs.randomness.slice(2), signature: theirs.signature.slice(2) }
      expect(await chain.pulse()).toEqual(pulse)
      expect(verifyPulse(pulse, beacon)).toBe(true)
      expect(verifyPulse({ ...pulse, round: round + 1 }, beacon)).toBe(false)
    } finally {
      await client.close()
    }
  })

  it('is another with every round, and of an earlier block the one that was the newest then', async () => {
    const { chain, next } = await pulsing()
    const { hash } = await next()
    const then = await chain.pulse(hash)
    await next()
    const now = await chain.pulse((await next()).hash)
    expect(now?.round).toBe((then?.round ?? 0) + 2)
    expect(await chain.pulse(hash)).toEqual(then)
  })

  it('stays the same while the beacon is silent', async () => {
    const { chain, control, next } = await pulsing()
    const then = await chain.pulse((await next()).hash)
    await control.call('beaconSilent', { on: true })
    expect(await chain.pulse((await next()).hash)).toEqual(then)
  })

  it('is none before the first came, and none where the runtime has no beacon', async () => {
    const { chain } = await pulsing()
    expect(await chain.pulse((await chain.hashAt(0)) ?? '')).toBeNull()
    const runtime = { hasItem: () => false } as Partial<Link> as Link
    expect(await readPulse(runtime, undefined)).toBeNull()
  })
})
