import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningChain, startChain } from '../../local/chain/start.ts'
import { askAgent } from '../../node-agents/core/ask.ts'
import { AGENT_FLAGS } from '../../node-agents/core/flags.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import { openState } from '../../node-agents/miner/state.ts'
import { explainAnswer, type ExplainAnswer } from '../../node-agents/validator/operator/answers.ts'
import { decodeHotkey } from '../../schema/index.ts'
import { query } from './database.ts'
import { Program, run } from './process.ts'
import { type Hostile, hostWith } from './pythons.ts'
import { type StackDriver, type StackMiner, startStack, type TestStack } from './stack.ts'
import { until } from './until.ts'
import { COLDKEY } from './validators.ts'

const NETUID = 27
/** A process on a machine that is busy with other tests. */
const SOON_MS = 90_000
const BEGUN = /a round of proofs (begins|goes on)/

/** One host: what stands in the place of its python3; `honest`: what this machine has. */
export type Host = 'honest' | Hostile
/** Cards of each miner. */
export const CARDS = 2
/** Who never gets ready says that it has others, so that nobody who claims the same waits for it. */
const modelOf = (host: Host | undefined) => (host === 'sleeper' ? 'NVIDIA L4' : 'NVIDIA H200')

/** Real miners that can be rented and logged in to, on a real edge and a development chain, and a validator of them in a process of its own. */
export class ProofWorld {
  readonly stack: TestStack
  readonly chain: RunningChain
  readonly #dir: string
  #validator: Program | null = null

  private constructor(dir: string, stack: TestStack, chain: RunningChain) {
    this.#dir = dir
    this.stack = stack
    this.chain = chain
  }

  /** @param hosts one miner for each */
  static async make(hosts: Host[], driver: StackDriver = 'box'): Promise<ProofWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'proofs-'))
    const { address } = await generateHotkey(join(dir, 'hotkey'))
    const lies = await Promise.all(hosts.map((host, i) => (host === 'honest' ? null : hostWith(host, bin(dir, i)))))
    const [chain, stack] = await Promise.all([
      startChain({ blockMs: 'manual' }),
      startStack({
        miners: hosts.length,
        driver,
        edgeVars: { TRUSTED_VALIDATORS: address, NETUID: String(NETUID) },
        config: (n) => ({ simulateGpu: { model: modelOf(hosts[n]), count: CARDS, vramMb: 143_771 } }),
        between: (made, n) => lies[n]?.(made) ?? made,
      }),
    ])
    const world = new ProofWorld(dir, stack, chain)
    await world.#enrol(address)
    return world
  }

  async #enrol(validator: string): Promise<void> {
    const { control } = this.chain
    const uid = await control.register(NETUID, validator, COLDKEY)
    await control.stake(validator, NETUID, 2000n * 10n ** 9n)
    await control.permit(NETUID, uid, true)
    for (const { hotkey } of this.stack.miners) {
      const at = await control.register(NETUID, hotkey, COLDKEY)
      const axon = { block: 1n, version: 183, ip: 0x08_08_08_00n + BigInt(at), port: 8091, ip_type: 4, protocol: 4, placeholder1: 0, placeholder2: 0 }
      await control.set('SubtensorModule.Axons', [NETUID, `0x${Buffer.from(decodeHotkey(hotkey) ?? []).toString('hex')}`], axon)
    }
    await control.advance(25)
  }

  /** From now on the nth host is honest. */
  async mend(n: number): Promise<void> {
    await rm(bin(this.#dir, n), { recursive: true })
  }

  get state(): string {
    return join(this.#dir, 'state')
  }

  /** What the validator said so far, log lines. */
  get said(): string {
    return this.#validator?.out ?? ''
  }

  /** Starts `compute validator`. */
  startValidator(...more: string[]): void {
    const { url, edge } = this.stack
    const where = ['--edge', `${url}#${edge.fingerprint}`, '--chain', this.chain.url, '--netuid', String(NETUID)]
    const own = ['--hotkey-file', join(this.#dir, 'hotkey'), '--state', this.state, '--log-level', 'debug', '--max-random-delay', '0']
    this.#validator = new Program('local/validator.ts', [...where, ...own, ...more], { HOME: this.#dir }, AGENT_FLAGS)
  }

  /** `kill -9`. */
  async killValidator(): Promise<void> {
    this.#validator?.child.kill('SIGKILL')
    await this.#validator?.ended
    this.#validator = null
  }

  /** Until it is so; block after block, until the validator begins its round. */
  async walk(what: string, condition: () => Promise<boolean>): Promise<void> {
    const turn = async () => {
      if (this.#validator && this.#validator.child.exitCode !== null) throw new Error(`the validator ended: ${this.#validator.out}${this.#validator.err}`)
      if (await condition()) return true
      if (!BEGUN.test(this.said)) await this.chain.control.advance(1)
      return false
    }
    await until(what, turn, SOON_MS).catch((error: unknown) => {
      const told = this.said.split('\n').filter((line) => /proof|"level":"(warn|error)"/.test(line))
      throw new Error(`the validator said\n${told.map((line) => line.slice(0, 500)).join('\n')}`, { cause: error })
    })
  }

  /** What the validator has on the nth miner; null while it cannot tell. */
  async explained(n: number): Promise<ExplainAnswer | null> {
    return askAgent(this.state, 'POST', '/explain', explainAnswer, { miner: this.miner(n).hotkey }).catch(() => null)
  }

  miner(n: number): StackMiner {
    const miner = this.stack.miners[n]
    if (!miner) throw new Error(`there is no miner ${n}`)
    return miner
  }

  /** The proof of the nth miner that is open at the edge, and whether its clock runs; null: none is. */
  async open(n: number): Promise<{ id: string; isGone: boolean } | null> {
    const sql = `SELECT id, go_at FROM proofs WHERE hotkey = '${this.miner(n).hotkey}' AND ended_at IS NULL`
    const [row] = await query(this.stack.databaseUrl, sql)
    return row ? { id: String(row['id']), isGone: row['go_at'] !== null } : null
  }

  /** So much longer ago all proofs began, as far as the edge knows. */
  async passed(ms: number): Promise<void> {
    await query(this.stack.databaseUrl, `UPDATE proofs SET opened_at = opened_at - ${ms}, ends_at = ends_at - ${ms}`)
  }

  /** Files of evidence that `compute proof verify` finds sound. */
  async sound(): Promise<string[]> {
    const folder = join(this.state, 'proofs')
    const paths = (await readdir(folder)).map((name) => join(folder, name))
    const answers = await Promise.all(paths.map((path) => run('node-agents/main.ts', ['proof', 'verify', path])))
    return paths.filter((_, i) => answers[i]?.code === 0)
  }

  /** Allocations that have a container on the nth host. */
  async containers(n: number): Promise<string[]> {
    const { config, driver, hotkey } = this.miner(n)
    const { install } = await openState(config.state, Date.now)
    const { containers } = await driver.list({ edge: this.stack.edge.address, hotkey, install })
    return containers.map((c) => c.allocation)
  }

  async close(): Promise<void> {
    await this.killValidator()
    await this.stack.close()
    await this.chain.close()
    await rm(this.#dir, { recursive: true, force: true })
  }
}

/** Where the python3 of the nth host is that is none. */
const bin = (dir: string, n: number) => join(dir, `bin-${n}`)
