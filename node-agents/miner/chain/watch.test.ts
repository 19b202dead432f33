import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { realClock } from '../../core/clock.ts'
import { ChainError } from '../../core/chain/errors.ts'
import type { Axon, Block, ChainStatus, Metagraph, Neuron, Served } from '../../core/chain/types.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { makeLog } from '../../core/log.ts'
import { statusText } from '../commands/status.ts'
import type { Announcement, Kind } from '../../core/chain/announce.ts'
import { howToRegister } from './registration.ts'
import { viewOf } from './view.ts'
import { ChainWatch, type ChainDeps, LOOK_EVERY, type MinersChain } from './watch.ts'

const by = hotkeyFromSeed(new Uint8Array(32).fill(7))
const hashOf = (number: number) => `0x${number.toString(16).padStart(64, '0')}`
const lost = () => new ChainError('ConnectionLost', 'connection', 'The connection broke off: it is made anew by itself', true)

/** A chain whose every word is the test's. */
class StubChain implements MinersChain {
  head = 1000
  uid: number | null = 5
  rateLimit = 50
  served: { axon: Axon | null; prometheus: Served | null } = { axon: null, prometheus: null }
  calls: (Announcement & { kind: Kind; block: number })[] = []
  looks = 0
  /** Calls that failed. */
  failed = 0
  connectedSinceMs = 1
  /** What reading, or announcing, fails with. */
  reads: Error | null = null
  serves: Error | null = null
  /** It says yes and shows nothing. */
  forgets = false
  #heard: ((block: Block) => void)[] = []

  async run(signal: AbortSignal): Promise<void> {
    this.blocks(0)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
  }
  blocks(n: number): void {
    this.head += n
    for (const heard of this.#heard) heard(this.#block())
  }
  #block = (): Block => ({ number: this.head, hash: hashOf(this.head) })
  status(): ChainStatus {
    const at = { endpoint: 'ws://stub', connectedSinceMs: this.connectedSinceMs, headAtMs: Date.now(), finalized: null, spec: 425, genesis: hashOf(0) }
    return { ...at, head: this.#block(), failovers: 0, trouble: null }
  }
  onHead(heard: (block: Block) => void): () => void {
    this.#heard.push(heard)
    return () => void (this.#heard = this.#heard.filter((h) => h !== heard))
  }
  async uidOf(): Promise<number | null> {
    this.looks++
    if (this.reads) throw this.reads
    return this.uid
  }
  async hyperparameters(): ReturnType<MinersChain['hyperparameters']> {
    const zero = { immunityPeriod: 0, maxUids: 256, minAllowedWeights: 1, maxWeightsLimit: 65_535, weightsVersionKey: 0n, weightsRateLimit: 100 }
    const rest = { commitRevealEnabled: true, commitRevealVersion: 4, revealPeriodEpochs: 1, activityCutoff: 5000, maxValidators: 64, stakeThreshold: 0n }
    return { ...zero, ...rest, tempo: 360, servingRateLimit: this.rateLimit, registrationAllowed: true, burn: 500_000n, mechanisms: 1 }
  }
  async epoch(netuid: number): ReturnType<MinersChain['epoch']> {
    const state = { at: this.head, netuid, tempo: 360, lastEpochBlock: 900, pendingEpochAt: 0, epochIndex: 3 }
    return { ...state, blocksSinceLastStep: this.head - 900, revealPeriodEpochs: 1 }
  }
  axon = async () => this.served.axon
  prometheus = async () => this.served.prometheus
  async metagraph(netuid: number): Promise<Metagraph> {
    const none = { ip: null, port: 0, version: 0, block: 0, protocol: 4 }
    const shares = { emission: 1_500_000_000n, incentive: 6554, dividends: 0, consensus: 0, totalStake: 2_000_000_000n, alphaStake: 0n, taoStake: 0n }
    const who = { uid: 5, hotkey: by.address, coldkey: by.address, axon: none, active: true, validatorPermit: false, lastUpdate: 1, registeredAt: 1 }
    const neuron: Neuron = { ...who, ...shares }
    const at = { netuid, block: this.#block(), timestampMs: 0, tempo: 360, ownerHotkey: null, ownerColdkey: null }
    return { ...at, neurons: [neuron] }
  }
  #serve(kind: Kind, { ip, port, version }: { ip: string | null; port: number; version: number }) {
    if (this.serves) {
      this.failed++
      throw this.serves
    }
    this.calls.push({ kind, ip: ip ?? '', port, version, block: this.head })
    this.head++
    if (!this.forgets) this.served = { ...this.served, [kind]: { ip, port, version, block: this.head, protocol: 4 } }
    return { extrinsic: hashOf(1), block: this.#block(), finalized: false, events: [] }
  }
  serveAxon: MinersChain['serveAxon'] = async (_, call) => this.#serve('axon', call)
  servePrometheus: MinersChain['servePrometheus'] = async (_, call) => this.#serve('prometheus', call)
}

let chain: StubChain
let place: ChainDeps['place']
let watch: ChainWatch
let lines: string[]
let stop: AbortController
let ended: Promise<void>

beforeEach(() => {
  chain = new StubChain()
  lines = []
  stop = new AbortController()
  place = { address: '203.0.113.7', axonIp: null, axonPort: 8091, metrics: null }
  const log = makeLog('info', 'miner', new Writable({ write: (chunk: Buffer, _, done) => done(void lines.push(chunk.toString())) }))
  watch = new ChainWatch({ connect: async () => chain, by, subnet: { network: 'finney', netuid: 27 }, place, clock: realClock, log })
  ended = Promise.resolve()
})
afterEach(async () => {
  stop.abort()
  await ended
})

const start = () => void (ended = watch.run(stop.signal))
const view = () => viewOf(watch, realClock)
const told = (text: string) => lines.filter((line) => line.includes(text)).length
/** So many blocks more, and everything that follows from them. */
async function pass(blocks: number): Promise<void> {
  chain.blocks(blocks)
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('who is registered', () => {
  it('announces the host once, and looks only now and then', async () => {
    start()
    await until('both are announced', () => chain.calls.length === 2)
    expect(chain.calls).toMatchObject([
      { kind: 'axon', ip: '203.0.113.7', port: 8091, version: 183 },
      { kind: 'prometheus', ip: '203.0.113.7', port: 8091, version: 183 },
    ])
    await pass(0)
    const looks = chain.looks
    for (let i = 0; i < LOOK_EVERY - 3; i++) await pass(1)
    expect(chain.looks).toBe(looks)
    await pass(3)
    expect(chain.looks).toBe(looks + 1)
    expect(chain.calls).toHaveLength(2)
    expect(view()).toMatchObject({ registered: true, uid: 5, how_to_register: null, troubles: [], epoch: { last: 900, next: 1260 } })
    expect(view().earns).toMatchObject({ rao_per_tempo: '1500000000', rao_per_day: '30000000000', stake_rao: '2000000000', validator_permit: false })
  })

  it('looks again after a reconnection', async () => {
    start()
    await until('both are announced', () => chain.calls.length === 2)
    await pass(0)
    const looks = chain.looks
    chain.connectedSinceMs++
    await pass(1)
    expect(chain.looks).toBe(looks + 1)
  })

  it('begins anew with a chain that does', async () => {
    start()
    await until('both are announced', () => chain.calls.length === 2)
    await pass(0)
    chain.served = { axon: null, prometheus: null }
    chain.head = 3
    chain.connectedSinceMs++
    await pass(1)
    expect(chain.calls.slice(2)).toMatchObject([
      { kind: 'axon', block: 4 },
      { kind: 'prometheus', block: 5 },
    ])
  })

  it('waits for the rate limit, of each call apart', async () => {
    chain.served = {
      axon: { ip: '203.0.113.8', port: 8091, version: 183, block: 990, protocol: 4 },
      prometheus: { ip: '203.0.113.8', port: 8091, version: 183, block: 960 },
    }
    start()
    await until('it waits', () => view().announced.axon.waits_until === 1040)
    expect(view().announced.prometheus.waits_until).toBe(1010)
    await pass(10)
    expect(chain.calls).toMatchObject([{ kind: 'prometheus', ip: '203.0.113.7', block: 1010 }])
    await pass(28)
    expect(chain.calls).toHaveLength(1)
    await pass(1)
    expect(chain.calls).toMatchObject([{}, { kind: 'axon', ip: '203.0.113.7', block: 1040 }])
  })

  it('tries again ever later when a call fails, and says so once', async () => {
    chain.serves = new ChainError('InvalidTransaction', 'pool', 'The pool does not take it', true)
    start()
    await until('it is told', () => told('the axon cannot be announced on chain: The pool does not take it') === 1)
    for (let i = 0; i < 20; i++) await pass(1)
    expect(told('the axon cannot be announced')).toBe(1)
    expect(chain.failed).toBeLessThanOrEqual(2 * 5) // after 2, 4, 8, 16 blocks
    expect(view().troubles).toContain('the axon cannot be announced on chain: The pool does not take it')
    chain.serves = null
    for (let i = 0; i < 40; i++) await pass(1)
    expect(chain.calls.map((c) => c.kind).toSorted()).toEqual(['axon', 'prometheus'])
    expect(view().troubles).toEqual([])
    expect(told('over: the axon cannot be announced')).toBe(1)
  })

  it('believes only what it reads back', async () => {
    chain.forgets = true
    start()
    await until('it is told', () => told('shows nothing there') >= 2)
    expect(view().announced.axon.served).toBeNull()
    chain.forgets = false
    for (let i = 0; i < 6; i++) await pass(1)
    expect(view()).toMatchObject({ troubles: [], announced: { axon: { served: { ip: '203.0.113.7' } } } })
  })

  it('never asks the chain for what it would refuse', async () => {
    place.address = '127.0.0.1'
    start()
    await until('it is told', () => told('takes no address') === 2)
    for (let i = 0; i < 30; i++) await pass(1)
    expect(chain.calls).toEqual([])
    expect(told('takes no address')).toBe(2)
  })
})

describe('who is not registered', () => {
  it('is told how, once; and goes on without a restart once it is', async () => {
    chain.uid = null
    start()
    await until('it is told', () => told('btcli subnet register --netuid 27 --network finney') === 1)
    for (let i = 0; i < 3; i++) await pass(LOOK_EVERY)
    expect(told('btcli')).toBe(1)
    expect(view()).toMatchObject({ registered: false, uid: null, how_to_register: expect.stringContaining('0.0005 TAO') })
    expect(chain.calls).toEqual([])
    chain.uid = 9
    await pass(LOOK_EVERY)
    await until('it is announced', () => chain.calls.length === 2)
    expect(told('registered on the subnet')).toBe(1)
  })

  it('is told when it was', async () => {
    start()
    await until('both are announced', () => chain.calls.length === 2)
    chain.uid = null
    await pass(LOOK_EVERY)
    expect(told('was deregistered (it had uid 5) on subnet 27')).toBe(1)
    expect(view()).toMatchObject({ registered: false, announced: { axon: { served: null } } })
  })
})

it('a subnet that takes nobody is told as such', () => {
  const [subnet, price] = [
    { network: 'ws://a,ws://b', netuid: 27 },
    { registrationAllowed: true, burn: 1_500_000_000n },
  ]
  expect(howToRegister(subnet, price)).toMatch(/btcli subnet register --netuid 27 --network ws:\/\/a --wallet.*\(1\.5 TAO now\)/)
  expect(howToRegister(subnet, { ...price, registrationAllowed: false })).toMatch(/closed registration.*--netuid/)
})

describe('trouble', () => {
  it('of reading is told once, and looked at again soon', async () => {
    chain.reads = lost()
    start()
    await until('it is told', () => told('the chain cannot be read: The connection broke off') === 1)
    for (let i = 0; i < 10; i++) await pass(1)
    expect(told('the chain cannot be read')).toBe(1)
    expect(chain.looks).toBeGreaterThan(3)
    expect(chain.looks).toBeLessThan(6)
    expect(view()).toMatchObject({ registered: null, uid: null, earns: null })
    chain.reads = null
    for (let i = 0; i < 10; i++) await pass(1)
    await until('both are announced', () => chain.calls.length === 2)
    expect(view().troubles).toEqual([])
  })

  it('nobody foresaw ends neither the loop nor the agent', async () => {
    chain.reads = new TypeError('undefined is not a function')
    start()
    await until('it is told with its stack', () => lines.some((l) => l.includes('"level":"error"') && l.includes('watch.test.ts')))
    chain.reads = null
    for (let i = 0; i < 3; i++) await pass(1)
    await until('both are announced', () => chain.calls.length === 2)
  })
})

describe('for people', () => {
  const status = () => {
    const agent = { hotkey: by.address, install: 'in_x', version: '1', protocol: 2, edge: { url: 'https://edge', address: null } }
    const sync = { ok_at: null, ok_age_s: null, refusal: null, socket_up: false, clock_offset_ms: null }
    const host = { wish: null, engine: { ok: true, message: '' }, containers: [], unexplained: [], foreign: 0 }
    return statusText({ ...agent, ...host, sync, chain: view() }, Date.now())
  }

  it('it is in a few lines', async () => {
    expect(status()).toContain('finney: NOT CONNECTED')
    start()
    await until('both are announced', () => chain.calls.length === 2)
    await pass(0)
    expect(status()).toContain('ws://stub (runtime 425), block 1002')
    expect(status()).toContain('27: uid 5')
    expect(status()).toContain('axon       203.0.113.7:8091, version 183, since block 1001')
    expect(status()).toContain('30 alpha a day (1.5 in 360 blocks), incentive 10.00 %, stake 2, no validator permit; next epoch at block 1260, last at 900')
    place.axonPort = 9000
    await pass(LOOK_EVERY)
    expect(status()).toContain('since block 1001; to become 203.0.113.7:9000, version 183 at block 1051')
    chain.uid = null
    await pass(LOOK_EVERY)
    expect(status()).toContain('27: NOT REGISTERED: register it from where its coldkey is: btcli subnet register')
  })
})
