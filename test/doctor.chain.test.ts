import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startChain, type RunningChain } from '../local/chain/start.ts'
import { ACCOUNTS } from '../local/chain/subtensor/genesis.ts'
import type { MinerConfig } from '../node-agents/miner/config.ts'
import { timeFindings } from '../node-agents/miner/doctor/chain.ts'
import { doctorCommand } from '../node-agents/miner/doctor/command.ts'
import type { Finding } from '../node-agents/miner/doctor/finding.ts'
import { noFirewall } from '../node-agents/miner/docker/firewall.ts'
import { MinerWorld } from './support/miner.ts'

/** What `compute miner doctor` says of the chain. */

const SLOW_MS = 60_000
let world: MinerWorld
let chain: RunningChain
beforeEach(async () => {
  world = await MinerWorld.make()
  chain = await startChain({ blockMs: 'instant' })
}, SLOW_MS)
afterEach(async () => {
  await chain.close()
  await world.close()
}, SLOW_MS)

async function examined(change: Partial<MinerConfig> = {}) {
  const at = { chain: { name: chain.url, endpoints: [chain.url], genesis: null }, docker: join(world.config.state, 'no-engine.sock') }
  let said = ''
  await doctorCommand({ ...world.config, ...at, ...change }, ['--json'], { walls: noFirewall, out: (line) => (said += line) })
  const { findings } = JSON.parse(said) as { findings: Finding[] }
  return (check: string) => findings.filter((f) => f.check === check)
}

it(
  'a miner that is registered, with an address that can be announced',
  async () => {
    await chain.control.register(27, world.hotkey, ACCOUNTS['//Bob'])
    await chain.control.newBlocks(1)
    const of = await examined({ axonIp: '5.9.1.1' })
    expect(of('chain')).toMatchObject([{ status: 'ok', says: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+ \(runtime 425\) is at block \d+, /) }])
    expect(of('chain clock')).toMatchObject([{ status: 'ok' }])
    expect(of('registered')).toMatchObject([{ status: 'ok', says: 'uid 1 on subnet 27' }])
    expect(of('axon')).toMatchObject([{ status: 'ok' }])
  },
  SLOW_MS,
)

it(
  'one that is not registered, a private address, and one that the chain refuses',
  async () => {
    await chain.control.newBlocks(1)
    const of = await examined({ axonIp: '10.0.0.7' })
    expect(of('registered')).toMatchObject([{ status: 'fail', fix: expect.stringContaining('btcli subnet register --netuid 27') }])
    expect(of('axon')).toMatchObject([{ status: 'warn', fix: expect.stringContaining('--axon-ip') }])
    const again = await examined({ netuid: 99 })
    expect(again('registered')).toMatchObject([{ status: 'fail', says: expect.stringContaining('99') }])
    expect(again('axon')).toMatchObject([{ status: 'fail', says: expect.stringContaining('127.0.0.1') }])
  },
  SLOW_MS,
)

it(
  'a chain that nobody answers for, and none at all',
  async () => {
    await chain.close()
    expect((await examined())('chain')).toMatchObject([{ status: 'fail', fix: expect.stringContaining('--chain') }])
    expect((await examined({ chain: null }))('chain')).toMatchObject([{ status: 'ok' }])
  },
  SLOW_MS,
)

describe('the age of the best block by this clock', () => {
  it.each([
    [0, ['ok', 'ok']],
    [12_000, ['ok', 'ok']],
    [-1500, ['ok', 'ok']],
    [-5000, ['ok', 'warn']],
    [90_000, ['warn']],
  ])('%d ms', (ageMs, statuses) => expect(timeFindings('x', ageMs).map((f) => f.status)).toEqual(statuses))
})
