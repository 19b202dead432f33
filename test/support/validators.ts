import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { type RunningChain, startChain, type StartOptions } from '../../local/chain/start.ts'
import { makeKeys } from '../../local/edge/keys.ts'
import { type RunningEdge, startEdge } from '../../local/edge/start.ts'
import { answer, type Api, connect } from '../../node-agents/cli/client.ts'
import { makeStateDir } from '../../node-agents/core/files.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import { runCommand } from '../../node-agents/validator/commands/index.ts'
import type { ValidatorConfig } from '../../node-agents/validator/config.ts'
import type { Hands } from '../../node-agents/validator/assemble.ts'
import { FINISHED } from '../../node-agents/validator/loops/evidence.ts'
import { runValidator } from '../../node-agents/validator/main.ts'
import { type ValidatorStatus, validatorStatus } from '../../node-agents/validator/status.ts'
import { openStore } from '../../node-agents/validator/store/open.ts'
import { decodeHotkey } from '../../schema/index.ts'
import { IMAGE, WireMiner } from './agent.ts'
import { databases, query, type Running as Database } from './database.ts'

const NETUID = 27
/** Of //Alice, who pays for everybody. */
export const COLDKEY = '5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'

/** As the flags have them, without the pause before proofs. */
const DEFAULTS = {
  blacklistHotkeys: [],
  blacklistColdkeys: [],
  blacklistExploiters: true,
  minimumVersion: 0,
  versionQuorum: 60,
  burn: 0,
  maxWorkers: 64,
  maxRandomDelay: 0,
  proofTimeout: 300,
  proofRetries: 0,
  proofRetryInterval: 1,
  proofPython: 'python3',
  keepBundles: 10,
  keepBundlesMb: 100,
  recordedProofs: null,
  prometheusIp: null,
  prometheusPort: null,
}

export type Post = { hotkey: string; block: number; outcome: string }

/** A validator of a test, running. */
export class Validator {
  readonly hotkey: string
  readonly config: ValidatorConfig
  readonly lines: { level: string; msg: string }[] = []
  readonly ended: Promise<void>
  readonly #stop = new AbortController()

  constructor(hotkey: string, config: ValidatorConfig, hands: Hands = {}) {
    this.hotkey = hotkey
    this.config = config
    const keep = (chunk: Buffer, _: unknown, done: () => void) => (this.lines.push(JSON.parse(chunk.toString()) as { level: string; msg: string }), done())
    this.ended = runValidator(config, this.#stop.signal, makeLog('debug', 'validator', new Writable({ write: keep })), undefined, hands)
    this.ended.catch(() => undefined) // whoever awaits `ended` gets it
  }

  said(what: RegExp): string[] {
    return this.lines.filter((l) => what.test(l.msg)).map((l) => l.level)
  }

  /** `compute validator status`. */
  async status(...flags: string[]): Promise<string> {
    const said: string[] = []
    await runCommand('status', ['--state', this.config.state, ...flags], { env: {}, out: (text) => said.push(text) })
    return said.join('\n')
  }

  async look(): Promise<ValidatorStatus> {
    return validatorStatus.parse(JSON.parse(await this.status('--json')))
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.ended
  }
}

/** A development chain whose blocks come when told to, a real edge, and the validators that it trusts. */
export class ValidatorWorld {
  readonly dir: string
  readonly hotkeys: string[]
  chain: RunningChain
  readonly #database: Database
  readonly #vars: Record<string, string>
  readonly #pin: string
  readonly #running: Validator[] = []
  readonly #chains: RunningChain[] = []
  #edge: RunningEdge
  #url: string

  private constructor(
    dir: string,
    hotkeys: string[],
    parts: { chain: RunningChain; database: Database; edge: RunningEdge; vars: Record<string, string>; pin: string },
  ) {
    this.dir = dir
    this.hotkeys = hotkeys
    this.chain = parts.chain
    this.#database = parts.database
    this.#edge = parts.edge
    this.#vars = parts.vars
    this.#pin = parts.pin
    this.#url = parts.edge.url
  }

  /** @param trusted how many validators the edge trusts */
  static async make(trusted = 1, chainOptions: Partial<StartOptions> = {}): Promise<ValidatorWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'validators-'))
    const hotkeys = await Promise.all(Array.from({ length: trusted }, (_, i) => walletIn(join(dir, String(i)))))
    const [database, keys, chain] = await Promise.all([
      databases()[0].start(),
      makeKeys(),
      startChain({ blockMs: 'manual', stateFile: join(dir, 'chain.json'), ...chainOptions }),
    ])
    const own = { DATABASE_URL: database.url, ENVIRONMENT: 'development', NETUID: String(NETUID), DEFAULT_IMAGE: IMAGE, TRUSTED_VALIDATORS: hotkeys.join(',') }
    const vars = { ...keys.vars, ...own }
    return new ValidatorWorld(dir, hotkeys, { chain, database, edge: await startEdge({ vars }), vars, pin: keys.fingerprint })
  }

  get admin(): Api {
    return connect({ url: this.#url, key: this.#vars['ADMIN_KEY'] ?? '' })
  }

  /** Puts a hotkey on the subnet. @returns its uid */
  register(hotkey: string, on = this.chain): Promise<number> {
    return on.control.register(NETUID, hotkey, COLDKEY)
  }

  /** Makes a validator of a registered hotkey. */
  async empower(hotkey: string, uid: number, on = this.chain): Promise<void> {
    await on.control.stake(hotkey, NETUID, 2000n * 10n ** 9n)
    await on.control.permit(NETUID, uid, true)
  }

  /** Another chain than that of this world. */
  async otherChain(): Promise<RunningChain> {
    const chain = await startChain({ blockMs: 'manual' })
    this.#chains.push(chain)
    return chain
  }

  /** The nth validator, not running, has a finished round of proofs behind it, which proved nobody. */
  async lookedAround(n = 0): Promise<void> {
    const dir = join(this.dir, String(n), 'state')
    await makeStateDir(dir)
    const store = await openStore(dir, makeLog('silent', 'test'))
    await store.keepProgress({ job: FINISHED, block: 1, at: Date.now(), trouble: null })
    await store.close()
  }

  /** Starts the nth validator. */
  start(n = 0, change: Partial<ValidatorConfig> = {}, on = this.chain, hands: Hands = {}): Validator {
    const folder = join(this.dir, String(n))
    const config: ValidatorConfig = {
      edge: { url: this.#url, pin: this.#pin },
      hotkeyFile: join(folder, 'hotkey'),
      state: join(folder, 'state'),
      chain: { name: 'test', endpoints: [on.url], genesis: null },
      netuid: NETUID,
      metrics: null,
      logLevel: 'debug',
      ...DEFAULTS,
      ...change,
    }
    const validator = new Validator(this.hotkeys[n] ?? '', config, hands)
    this.#running.push(validator)
    return validator
  }

  /** A miner of the subnet, with an address there, that is not at the edge yet. */
  async miner(gpus = 8, model = 'NVIDIA H200'): Promise<WireMiner> {
    const identity = (await (await fetch(`${this.#url}/agent/identity`)).json()) as { jws: string }
    const { address } = JSON.parse(Buffer.from(identity.jws.split('.')[1] ?? '', 'base64url').toString()) as { address: string }
    const miner = new WireMiner({ url: this.#url, address }, gpus, model)
    const uid = await this.register(miner.hotkey)
    const axon = { block: 1n, version: 183, ip: 0x08_08_08_00n + BigInt(uid), port: 8091, ip_type: 4, protocol: 4, placeholder1: 0, placeholder2: 0 }
    await this.chain.control.set('SubtensorModule.Axons', [NETUID, `0x${Buffer.from(decodeHotkey(miner.hotkey) ?? []).toString('hex')}`], axon)
    return miner
  }

  /** With what the nth validator is started as a process of its own. */
  flags(n = 0): string[] {
    const folder = join(this.dir, String(n))
    const where = ['--edge', `${this.#url}#${this.#pin}`, '--chain', this.chain.url, '--netuid', String(NETUID)]
    return [...where, '--hotkey-file', join(folder, 'hotkey'), '--state', join(folder, 'state'), '--log-level', 'debug']
  }

  /** Published scores as the edge keeps them, by hotkey. */
  async scores(): Promise<Record<string, number>> {
    const rows = await query(this.#database.url, 'SELECT hotkey, score FROM scores WHERE own')
    return Object.fromEntries(rows.map(({ hotkey, score }) => [String(hotkey), Number(score)]))
  }

  /** What validators sent, oldest first; from the database, which may be asked as often as a test likes. */
  async posts(): Promise<Post[]> {
    const rows = await query(this.#database.url, 'SELECT hotkey, block, outcome FROM snapshot_posts ORDER BY id')
    return rows.map(({ hotkey, block, outcome }) => ({ hotkey: String(hotkey), block: Number(block), outcome: String(outcome) }))
  }

  /** Blocks that were sent, oldest first. */
  async blocks(): Promise<number[]> {
    return (await this.posts()).map((p) => p.block)
  }

  /** Hash of the newest snapshot as the edge has it. */
  async newestHash(): Promise<string | undefined> {
    const { body } = await answer(this.admin.admin.snapshots.$get())
    return body.items[0]?.block_hash
  }

  /** Who may act, as "role standing" by hotkey. */
  async roles(): Promise<Record<string, string>> {
    const { body } = await answer(this.admin.admin.allow.$get())
    return Object.fromEntries(body.items.map((a) => [a.hotkey, `${a.role} ${a.standing}`]))
  }

  async stopEdge(): Promise<void> {
    await this.#edge.close()
  }

  /** The same edge again, at the same place. */
  async startEdge(): Promise<void> {
    this.#edge = await startEdge({ vars: this.#vars, port: Number(new URL(this.#url).port) })
  }

  /** The chain goes away and comes back at the same place, with what was finalized. */
  async restartChain(meanwhile: () => Promise<void>): Promise<void> {
    const port = Number(new URL(this.chain.url).port)
    await this.chain.close()
    await meanwhile()
    this.chain = await startChain({ blockMs: 'manual', stateFile: join(this.dir, 'chain.json'), port })
  }

  async close(): Promise<void> {
    for (const validator of this.#running) await validator.stop().catch(() => undefined) // a test looks at how it ended
    for (const chain of [this.chain, ...this.#chains]) await chain.close()
    await this.#edge.close()
    await this.#database.close()
    await rm(this.dir, { recursive: true, force: true })
  }
}

async function walletIn(folder: string): Promise<string> {
  await mkdir(folder)
  return (await generateHotkey(join(folder, 'hotkey'))).address
}
