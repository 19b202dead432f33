import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeHotkey } from '../schema/index.ts'
import type { AgentStatus } from '../node-agents/miner/status.ts'
import type { ChainView } from '../node-agents/miner/chain/view.ts'
import type { MinerConfig } from '../node-agents/miner/config.ts'
import { startChain, type RunningChain, type StartOptions } from '../local/chain/start.ts'
import { ACCOUNTS } from '../local/chain/subtensor/genesis.ts'
import { computeMiner } from './support/compute-miner.ts'
import { MinerWorld, type Running } from './support/miner.ts'
import { freePorts } from './support/ssh.ts'
import { until } from './support/until.ts'

/** The miner agent on a development chain, as an operator sees it. */

const SLOW_MS = 60_000
const NETUID = 27
const RATE_LIMIT = 50

let world: MinerWorld
let chain: RunningChain
let agent: Running
const closing: (() => Promise<unknown>)[] = []

beforeEach(async () => {
  world = await MinerWorld.make()
  closing.push(() => world.close())
  await begin()
}, SLOW_MS)
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close()
}, SLOW_MS)

async function begin(options: Partial<StartOptions> = {}): Promise<void> {
  const begun = await startChain({ blockMs: 'instant', netuid: NETUID, ...options })
  chain = begun
  closing.push(() => begun.close())
}

const onChain = (change: Partial<MinerConfig> = {}): Partial<MinerConfig> => {
  const { url } = chain
  return { chain: { name: url, endpoints: [url], genesis: null }, netuid: NETUID, axonIp: '127.0.0.2', ...change }
}
const start = async (change: Partial<MinerConfig> = {}) => void (agent = await world.up(onChain(change)))
const register = () => chain.control.register(NETUID, world.hotkey, ACCOUNTS['//Bob'])

const ask = async (...flags: string[]) => (await computeMiner(world.engine.driver(), 'status', '--state', world.config.state, ...flags)).out
async function view(): Promise<ChainView> {
  const { chain } = JSON.parse(await ask('--json')) as AgentStatus
  if (!chain) throw new Error('the agent is without a chain')
  return chain
}
/** Waits until the operator sees it, and gives it. */
const seen = (what: string, is: (v: ChainView) => unknown) =>
  until(
    what,
    async () => {
      const v = await view()
      return is(v) ? v : null
    },
    SLOW_MS,
  )
const served = (kind: 'axon' | 'prometheus', ip: string) => seen(`the ${kind} at ${ip}`, (v) => v.announced[kind].served?.ip === ip)
const told = (text: string) => agent.lines.filter((line) => line.includes(text)).length

describe('a miner that is registered', () => {
  it(
    'announces itself once, and knows what it is',
    async () => {
      const uid = await register()
      await start()
      await served('axon', '127.0.0.2')
      const first = await served('prometheus', '127.0.0.2')
      expect(first).toMatchObject({ netuid: NETUID, registered: true, uid, endpoint: chain.url, troubles: [], how_to_register: null })
      expect(first.announced.axon).toMatchObject({
        wanted: { ip: '127.0.0.2', port: 8091, version: 183 },
        served: { port: 8091, version: 183 },
        waits_until: null,
      })
      expect(first.earns).toMatchObject({ rao_per_tempo: '0', validator_permit: false })
      expect(first.epoch?.next).toBeGreaterThan(first.head ?? Infinity)

      await chain.control.newBlocks(2 * RATE_LIMIT)
      const later = await seen('another look', (v) => (v.read_at ?? 0) >= 2 * RATE_LIMIT)
      expect(later.announced).toEqual(first.announced)
      expect(told('is announced on chain')).toBe(2)
      expect(await ask()).toMatch(/^subnet +27: uid 1\naxon +127\.0\.0\.2:8091, version 183, since block \d+\nprometheus 127\.0\.0\.2:8091/m)
    },
    SLOW_MS,
  )

  it(
    'waits for the rate limit before it announces another address',
    async () => {
      await register()
      await start()
      const at = (await served('prometheus', '127.0.0.2')).announced.axon.served?.block ?? 0
      await agent.stop()
      await start({ axonIp: '127.0.0.3' })
      const waits = await seen('it waits', (v) => v.announced.axon.waits_until !== null)
      expect(waits.announced.axon).toMatchObject({ served: { ip: '127.0.0.2' }, wanted: { ip: '127.0.0.3' }, waits_until: at + RATE_LIMIT })
      expect(waits.troubles).toEqual([])
      await chain.control.newBlocks(at + RATE_LIMIT - (waits.head ?? 0))
      const axon = (await served('axon', '127.0.0.3')).announced.axon.served
      expect(axon?.block).toBeGreaterThanOrEqual(at + RATE_LIMIT)
      await chain.control.newBlocks(2)
      await served('prometheus', '127.0.0.3')
      expect(told('cannot be announced')).toBe(0)
    },
    SLOW_MS,
  )

  it(
    'is told when it is no more, and comes back when it is again',
    async () => {
      await register()
      await start()
      await served('prometheus', '127.0.0.2')
      await chain.control.deregister(NETUID, world.hotkey)
      await chain.control.newBlocks(25)
      await seen('it is not registered', (v) => v.registered === false)
      expect(told('was deregistered (it had uid 1) on subnet 27')).toBe(1)
      await register()
      await chain.control.newBlocks(25 + RATE_LIMIT)
      await seen('it is registered', (v) => v.registered)
      await served('axon', '127.0.0.2')
    },
    SLOW_MS,
  )
})

it(
  'what is gone from the chain is announced again, also by another runtime than at the start',
  async () => {
    await register()
    await start()
    const v = await served('prometheus', '127.0.0.2')
    await chain.control.upgrade()
    await chain.control.remove('SubtensorModule.Axons', [NETUID, `0x${Buffer.from(decodeHotkey(world.hotkey) ?? []).toString('hex')}`])
    await chain.control.newBlocks(25)
    const again = await seen('it is announced anew', ({ announced: { axon } }) => (axon.served?.block ?? 0) > (v.announced.axon.served?.block ?? Infinity))
    expect(again).toMatchObject({ spec: (v.spec ?? 0) + 1, troubles: [], announced: { axon: { served: { ip: '127.0.0.2' } } } })
    expect(again.announced.prometheus).toEqual(v.announced.prometheus)
  },
  SLOW_MS,
)

it(
  'a miner that is not registered says how, rents out all the same, and needs no restart once it is',
  async () => {
    await start()
    await seen('it is not registered', (v) => v.registered === false)
    expect(told(`is not registered on subnet 27: register it from where its coldkey is: btcli subnet register --netuid 27`)).toBe(1)
    expect(await ask()).toContain('27: NOT REGISTERED: register it')
    expect(await ask()).toContain('(1 TAO now)')
    await world.running(world.entry())
    await register()
    await chain.control.newBlocks(25)
    await served('axon', '127.0.0.2')
    expect(told('is not registered')).toBe(1)
    expect(told('registered on the subnet')).toBe(1)
  },
  SLOW_MS,
)

it(
  'is in the metrics, and nothing that is not known',
  async () => {
    const metrics = { host: '127.0.0.1', port: (await freePorts(1))[0] ?? 0 }
    const lines = async () =>
      (await (await fetch(`http://127.0.0.1:${metrics.port}/metrics`)).text()).split('\n').filter((l) => l.startsWith('compute_miner_chain'))
    await start({ metrics })
    await seen('it is not registered', (v) => v.registered === false)
    expect(await lines()).toContain('compute_miner_chain_registered 0')
    expect((await lines()).join()).not.toMatch(/chain_(uid|announced|emission|incentive|consensus|dividends|stake)/)
    const uid = await register()
    await chain.control.stake(world.hotkey, NETUID, 5_000_000_000n)
    await chain.control.set('SubtensorModule.Consensus', [NETUID], [0, 16_384])
    await chain.control.set('SubtensorModule.Incentive', [NETUID], [0, 65_535])
    await chain.control.newBlocks(25)
    await served('prometheus', '127.0.0.2')
    await chain.control.newBlocks(25)
    await seen('all of it is read', (v) => v.announced.prometheus.served && v.earns?.stake_rao === '5000000000')
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'compute_miner_chain_up 1',
        'compute_miner_chain_registered 1',
        `compute_miner_chain_uid ${uid}`,
        'compute_miner_chain_announced{kind="axon"} 1',
        'compute_miner_chain_announced{kind="prometheus"} 1',
        'compute_miner_chain_emission_rao 0',
        'compute_miner_chain_incentive_ratio 1',
        `compute_miner_chain_consensus_ratio ${16_384 / 65_535}`,
        'compute_miner_chain_dividends_ratio 0',
        'compute_miner_chain_stake_rao 5000000000',
      ]),
    )
    await chain.close()
    await seen('nobody answers', (v) => v.endpoint === null)
    expect(await lines()).toContain('compute_miner_chain_up 0')
  },
  SLOW_MS,
)

describe('the chain goes away', () => {
  it(
    'rentals begin and run on, and it is found again',
    async () => {
      await register()
      await start()
      await served('prometheus', '127.0.0.2')
      const before = world.entry()
      await world.running(before)
      const { url } = chain
      await chain.close()
      const gone = await seen('nobody answers', (v) => v.endpoint === null)
      expect(gone.troubles).toEqual([expect.stringContaining('no endpoint answers')])
      expect(gone).toMatchObject({ registered: true, uid: 1 })
      expect(await ask()).toContain('NOT CONNECTED')
      await world.running(before, world.entry({ gpus: world.gpus.slice(1, 2) }))

      // Nothing of it was kept: it begins anew, with the same genesis.
      await begin({ port: Number(new URL(url).port) })
      await register()
      await served('axon', '127.0.0.2')
      await seen('no trouble', (v) => v.troubles.length === 0)
    },
    SLOW_MS,
  )

  it(
    'or never was there: nobody who rents can tell',
    async () => {
      const { url } = chain
      await chain.close()
      await start({ chain: { name: 'nowhere', endpoints: [url], genesis: null } })
      await world.running(world.entry())
      expect(await ask()).toContain('nowhere: NOT CONNECTED')
      await agent.stop()
    },
    SLOW_MS,
  )

  it(
    'a transaction that the pool refuses is tried again, and told once',
    async () => {
      await register()
      await chain.control.reject({ code: 1010, message: 'Invalid Transaction', data: 'Custom error: 255' }, 1)
      await start()
      await until('it is told', () => told('the axon cannot be announced on chain') === 1, SLOW_MS)
      await chain.control.newBlocks(4)
      await served('axon', '127.0.0.2')
      expect(told('the axon cannot be announced on chain')).toBe(2) // and that it is over
    },
    SLOW_MS,
  )
})

it('without a chain there is none', async () => {
  agent = await world.up()
  expect(await ask()).toContain('none (--chain none)')
  expect(JSON.parse(await ask('--json'))).toMatchObject({ chain: null })
})
