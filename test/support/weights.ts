import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { ACCOUNTS } from '../../local/chain/subtensor/genesis.ts'
import { encodeHotkey } from '../../schema/index.ts'
import type { Beacon } from '../../node-agents/core/chain/drand.ts'
import { connectChain } from '../../node-agents/core/chain/index.ts'
import { realClock } from '../../node-agents/core/clock.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Chain } from '../../node-agents/core/ports.ts'
import { openStore } from '../../node-agents/validator/store/open.ts'
import type { Cycle } from '../../node-agents/validator/store/types.ts'
import { type CyclesDeps, WeightCycles } from '../../node-agents/validator/weights/cycles.ts'
import type { Weights } from '../../node-agents/validator/weights/types.ts'
import { raw } from '../chain/devchain.contract.ts'
import { DEV, NETUID, ownChain, QUICK } from './connected.ts'
import { connect } from './polkadot.ts'
import { until } from './until.ts'

const BLOCK_MS = 12_000
const RAO = 10n ** 9n
/** The subnet's limit, and how often weights are set here. */
export const EVERY = 20
const { Alice, Bob } = DEV
const OWNER = encodeHotkey(Buffer.from(ACCOUNTS['//Owner'].slice(2), 'hex'))

/** A store of its own, and what it holds at any time, newest first. */
async function cyclesOnDisk(): Promise<CyclesDeps['store'] & { rows: Cycle[] }> {
  const dir = await mkdtemp(join(tmpdir(), 'weights-'))
  const store = await openStore(dir, makeLog('silent', 'test'))
  onTestFinished(async () => {
    await store.close()
    await rm(dir, { recursive: true, force: true })
  })
  const rows: Cycle[] = []
  const seen = async <T>(result: T): Promise<T> => {
    rows.splice(0, rows.length, ...(await store.cycles(50)))
    return result
  }
  return {
    rows,
    newCycle: async (cycle) => seen(await store.newCycle(cycle)),
    changeCycle: async (id, change) => seen(await store.changeCycle(id, change)),
    cycles: (limit) => store.cycles(limit),
  }
}

export type Setting = { commitReveal?: boolean; version?: number; limits?: Parameters<typeof connectChain>[0]['limits'] }

type Parts = Awaited<ReturnType<typeof ownChain>> & { chain: Chain; store: Awaited<ReturnType<typeof cyclesOnDisk>>; pass: () => void }

/** A subnet with a validator (Alice, uid 1) and a miner (Bob, uid 2), in a time of its own: 12 s a block, which come when told to, or for a transaction. */
export class Weighing {
  readonly log: string[] = []
  readonly #parts: Parts
  weights: Weights | { none: string } = weightsOf([1, 3])

  private constructor(parts: Parts) {
    this.#parts = parts
  }

  static async make({ commitReveal = false, version = 4, limits = {} }: Setting = {}): Promise<Weighing> {
    let nowMs = Date.now()
    const running = await ownChain({ commitReveal, tempo: 10, nowMs: () => nowMs })
    const { control, url } = running
    for (const { address } of [Alice, Bob]) await control.register(NETUID, address, address)
    await control.stake(Alice.address, NETUID, 1000n * RAO)
    await control.permit(NETUID, 1, true)
    await control.hyperparameter(NETUID, 'WeightsSetRateLimit', EVERY)
    await control.hyperparameter(NETUID, 'CommitRevealWeightsVersion', version)
    await control.advance(1)
    const beacon = await control.call<Beacon>('beacon', {})
    const clock = { ...realClock, wallMs: () => nowMs }
    const chain = connectChain({
      endpoints: [url],
      genesis: null,
      log: makeLog('silent', 'test'),
      clock,
      blockMs: BLOCK_MS,
      beacon,
      limits: { ...QUICK, ...limits },
    })
    const end = new AbortController()
    const ended = chain.run(end.signal)
    onTestFinished(async () => {
      end.abort()
      await ended
    })
    await chain.ready(AbortSignal.timeout(30_000))
    return new Weighing({ ...running, chain, store: await cyclesOnDisk(), pass: () => (nowMs += BLOCK_MS) })
  }

  get control() {
    return this.#parts.control
  }

  get store() {
    return this.#parts.store
  }

  /** How many transactions wait in the pool. */
  async pooled(): Promise<number> {
    const answer = (await raw(this.#parts.url, '{"jsonrpc":"2.0","id":1,"method":"author_pendingExtrinsics","params":[]}')) as { result: string[] }
    return answer.result.length
  }

  get chain(): Chain {
    return this.#parts.chain
  }

  /** As a process that has just started has it. */
  cycles(change: Partial<CyclesDeps> = {}): WeightCycles {
    const keep = { write: (line: string) => void this.log.push(line) }
    const { chain, store } = this
    return new WeightCycles({
      chain,
      store,
      hotkey: Alice,
      netuid: NETUID,
      every: EVERY,
      clock: realClock,
      log: makeLog('debug', 'weights', keep),
      plan: async () => this.weights,
      ...change,
    })
  }

  /** So many blocks more, all of them final and heard of. */
  async blocks(n = 1, final = true): Promise<void> {
    for (let i = 0; i < n; i++) {
      this.#parts.pass()
      await this.control.newBlocks(1)
      if (final) await this.control.finalize()
    }
    await this.heard()
  }

  /** What the chain's head is now, the port has heard. */
  async heard(): Promise<void> {
    const { chain } = this
    const best = await this.control.newBlocks(0)
    await until('the head is heard', () => chain.status().head?.hash === best.hash, 30_000)
  }

  /** Block by block until it is so. */
  async walk(cycles: WeightCycles, done: (w: Weighing) => boolean, most = 250): Promise<void> {
    const never = new AbortController().signal
    for (let i = 0; i < most && !done(this); i++) {
      await this.blocks()
      await cycles.step(never)
    }
    if (!done(this)) throw new Error(`not within ${most} blocks: ${JSON.stringify(this.store.rows)} ${JSON.stringify(cycles.status())}`)
  }

  get states(): string[] {
    return this.store.rows.map(({ state }) => state)
  }

  /** Who said what, such as "error". */
  said(level: string): string[] {
    return this.log.map((line) => JSON.parse(line) as { level: string; msg: string }).flatMap((l) => (l.level === level ? [l.msg] : []))
  }

  events(from?: number): Promise<Record<string, number>> {
    return eventsOf(this.#parts.url, from)
  }
}

/** How often the blocks of a chain, from one on, tell of each event, by its name without the pallet. */
export async function eventsOf(url: string, from = 1): Promise<Record<string, number>> {
  const { api, close } = await connect(url)
  const head = (await api.rpc.chain.getHeader()).number.toNumber()
  const counts: Record<string, number> = {}
  for (let n = from; n <= head; n++) {
    const at = await api.at(await api.rpc.chain.getBlockHash(n))
    const events = (await at.query['system']?.['events']?.()) as unknown as { event: { method: string } }[]
    for (const { event } of events) counts[event.method] = (counts[event.method] ?? 0) + 1
  }
  await close()
  return counts
}

/** For the owner (uid 0) and Bob (uid 2). */
export function weightsOf([owner, bob]: [number, number]): Weights {
  const most = Math.max(owner, bob)
  const values = [owner, bob].map((v) => Math.round((v * 65_535) / most))
  return { uids: [0, 2], hotkeys: [OWNER, Bob.address], values, versionKey: 183n, notes: [] }
}
