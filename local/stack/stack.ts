import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, type Api, connect, Refused } from '../../node-agents/cli/client.ts'
import { Mistake, reason } from '../../node-agents/core/mistake.ts'
import { migrate } from '../database/migrate.ts'
import { Child, type ChildOptions } from './child.ts'
import type { Choice } from './engine.ts'
import { StackMiner } from './miner.ts'
import { BLOCK_MS } from './pace.ts'
import type { Watched } from './patience.ts'
import { checkFree } from './port.ts'
import { proofsOf, type Shown as Proof } from './proofs.ts'
import type { StackState } from './state.ts'
import { enrol, rolesFollow, type Roster } from './subnet.ts'
import { StackValidator } from './validator.ts'
import { type Scored, scoresOf, type Shown, weightsOf } from './weights.ts'

const PORTS_A_MINER = 500
const REGISTER_MS = 60_000
const POLL_MS = 100
export const NETUID = 27
/** So that trying things out, in a loop too, never meets the limit. */
const QUOTA = { requests_per_minute: 6000, allocations_per_minute: 600 }

export type StackOptions = {
  state: StackState
  /** Of the edge; 0: any free one. */
  port: number
  choice: Choice
  miners: number
  simulate: string | null
  /** First SSH port of the first miner; the others follow. */
  firstPort: number
  /** The validator runs no proofs, and is told which cards there are. */
  recorded: boolean
}

type ServerOptions = Omit<ChildOptions, 'log'> & { /** What a person may do when it does not start. */ hint?: string }

/** Chain, database, edge, validator and miners, each a process of its own. Start it in order, stop it in the other. */
export class Stack {
  readonly #o: StackOptions
  readonly #servers: Child[] = []
  #miners: StackMiner[] = []
  #validator: StackValidator | null = null
  #fail: (why: Mistake) => void = () => undefined
  #stopping = false
  /** Rejects when one of its processes ends by itself. */
  readonly broken: Promise<never>
  url = ''
  chainUrl = ''
  databaseUrl = ''
  clientKey = ''

  constructor(options: StackOptions) {
    this.#o = options
    this.broken = new Promise((_, reject) => (this.#fail = reject))
    this.broken.catch(() => undefined) // whoever waits on it meanwhile gets it
  }

  get adminKey(): string {
    return this.#o.state.keys.edge.vars.ADMIN_KEY
  }

  get recorded(): boolean {
    return this.#o.recorded
  }

  get miners(): readonly StackMiner[] {
    return this.#miners
  }

  get validator(): StackValidator {
    if (!this.#validator) throw new TypeError('the servers are started first')
    return this.#validator
  }

  /** Chain, database, migrations, edge, a client key. Rejects with a Mistake that names the fix. */
  async startServers(): Promise<void> {
    await checkFree(this.#o.port)
    await this.#openWallets()
    await Promise.all([this.#startChain(), this.#startEdge()])
    this.clientKey = await this.#orBroken(this.#ensureClientKey())
  }

  async #openWallets(): Promise<void> {
    const { miners, choice, simulate, state, firstPort } = this.#o
    const optionsOf = (n: number) => ({
      name: `miner-${n}`,
      folder: state.path(`miner-${n}`),
      log: state.path('log', `miner-${n}.log`),
      ports: { first: firstPort + (n - 1) * PORTS_A_MINER, last: firstPort + n * PORTS_A_MINER - 1 },
      axonIp: `127.0.0.${n + 1}`,
      choice,
      simulate,
    })
    this.#miners = await Promise.all(Array.from({ length: miners }, (_, i) => StackMiner.open(optionsOf(i + 1))))
    this.#validator = await StackValidator.open({ folder: state.path('validator'), log: state.path('log', 'validator.log') })
  }

  async #startChain(): Promise<void> {
    const { state } = this.#o
    // A new chain alone would not do: edge and validator know blocks of the old one.
    const [kept, hint] = [state.path('chain.json'), `Or remove ${state.folder} to begin anew`]
    if (!existsSync(kept) && existsSync(state.path('validator', 'state', 'validator.json')))
      throw new Mistake(`${kept} is gone, and what else is in ${state.folder} follows that chain: put it back. ${hint}`)
    const args = ['--state', kept, '--block-ms', String(BLOCK_MS), '--register', 'off']
    this.chainUrl = await this.#server({ name: 'chain', script: 'local/chain/main.ts', args, hint })
  }

  async #startEdge(): Promise<void> {
    const { state } = this.#o
    this.databaseUrl = await this.#server({
      name: 'database',
      script: 'local/database/main.ts',
      args: ['--file', state.path('database.sqlite')],
      env: { COMPUTE_DATABASE_TOKEN: state.keys.databaseToken },
    })
    await this.#migrate()
    const vars = {
      ...state.keys.edge.vars,
      ENVIRONMENT: 'development',
      NETUID: String(NETUID),
      TRUSTED_VALIDATORS: this.validator.hotkey,
      DEFAULT_IMAGE: this.#o.choice.image,
      DATABASE_URL: this.databaseUrl,
      DATABASE_TOKEN: state.keys.databaseToken,
    }
    const input = JSON.stringify({ vars, port: this.#o.port, persist: state.path('edge') })
    this.url = await this.#server({ name: 'edge', script: 'local/edge/main.ts', input })
  }

  /** Puts validator and miners on the subnet, starts the validator, and waits until the edge follows what it says of them. */
  async startChain(): Promise<Roster> {
    const miners = this.#miners.map((m) => m.hotkey)
    this.#goOn()
    const believed = this.#o.recorded ? { hotkeys: miners, simulate: this.#o.simulate } : null
    this.#watch(await this.validator.start(this.#registration, this.chainUrl, NETUID, believed))
    const block = await this.#orBroken(enrol(this.chainUrl, NETUID, this.validator.hotkey, miners))
    const log = this.#o.state.path('log', 'validator.log')
    return this.#orBroken(rolesFollow(this.#api(this.adminKey), block, [this.validator.hotkey, ...miners], log))
  }

  /** Starts the miners' agents, and waits until clients can see them. */
  async startMiners(): Promise<void> {
    this.#goOn()
    for (const miner of this.#miners) this.#startAgent(miner)
    await this.#orBroken(this.#registered())
  }

  /** What the validator proved of its miners, once it did so for each. */
  proofs(): Promise<Proof[]> {
    return this.#orBroken(proofsOf(this.#watched))
  }

  /** What the validator makes of its miners, once it has a score for each. */
  scores(): Promise<Scored[]> {
    return this.#orBroken(scoresOf(this.#watched))
  }

  /** Lets time on the chain go by until the validator has read back the weights it set for its miners. */
  weights(): Promise<Shown> {
    return this.#orBroken(weightsOf(this.#watched))
  }

  get #watched(): Watched {
    const { chainUrl, validator } = this
    return { chainUrl, netuid: NETUID, state: validator.state, miners: this.#miners.map((m) => m.hotkey), log: this.#o.state.path('log', 'validator.log') }
  }

  /** Kills the agent of a hotkey with -9, does `meanwhile`, and starts it again as a service manager would. */
  async crashAgent<T>(hotkey: string, meanwhile: () => Promise<T>): Promise<T> {
    const miner = this.#miners.find((m) => m.hotkey === hotkey)
    if (!miner) throw new Mistake(`no miner of this stack is ${hotkey}`)
    await miner.crash()
    const result = await this.#orBroken(meanwhile())
    this.#goOn()
    this.#startAgent(miner)
    return result
  }

  get #registration(): string {
    return `${this.url}#${this.#o.state.keys.edge.fingerprint}`
  }

  #startAgent(miner: StackMiner): void {
    this.#watch(miner.start(this.#registration, this.chainUrl, NETUID))
  }

  /** Stops everything, last started first. Rentals are kept for the next start, or removed. */
  async stop(rentals: 'stop' | 'remove' = 'stop'): Promise<void> {
    this.#stopping = true
    const { EDGE_ADDRESS } = this.#o.state.keys.edge.vars
    const problems = new Problems()
    await problems.during(Promise.all([...this.#miners, this.#validator].map((agent) => agent?.stop())))
    await problems.during(Promise.all(this.#miners.map((m) => m.halt(EDGE_ADDRESS, rentals))))
    for (const server of this.#servers.toReversed()) await problems.during(server.stop())
    await problems.during(this.#o.state.unlock())
    problems.raise()
  }

  /** Ends every process at once; rentals run on. */
  kill(): void {
    for (const agent of [...this.#miners, this.#validator]) agent?.kill()
    for (const server of this.#servers) server.kill()
  }

  async #server({ hint, ...options }: ServerOptions): Promise<string> {
    this.#goOn()
    const child = new Child({ ...options, log: this.#o.state.path('log', `${options.name}.log`) })
    this.#servers.push(child)
    let listens = false
    this.#watch(child, () => (listens ? undefined : hint))
    const { url } = await child.listening()
    listens = true
    return url
  }

  /** @param hint what a person may do about its death */
  #watch(child: Child, hint: () => string | undefined = () => undefined): void {
    const told = (why: Mistake, more: string | undefined) => (more ? new Mistake(`${why.message}. ${more}`, why) : why)
    void child.died.then((why) => this.#fail(told(why, hint())))
  }

  /** What was stopped while it started must not start more. */
  #goOn(): void {
    if (this.#stopping) throw new Mistake('stopped while starting')
  }

  #orBroken<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.broken])
  }

  async #migrate(): Promise<void> {
    const { folder, keys } = this.#o.state
    try {
      await this.#orBroken(migrate(this.databaseUrl, keys.databaseToken))
    } catch (error) {
      if (error instanceof Mistake) throw error
      throw new Mistake(`the database in ${folder} does not fit this version (${reason(error)}): remove the folder to begin anew`, error)
    }
  }

  #api(key: string): Api {
    return connect({ url: this.url, key })
  }

  /** The key of the last start, unless the database does not know it any more. */
  async #ensureClientKey(): Promise<string> {
    const { state } = this.#o
    const known = state.keys.client
    if (known && (await isValid(this.#api(known)))) return known
    const { body } = await answer(this.#api(this.adminKey).admin.keys.$post({ json: { tenant: 'local', name: 'npm start', quota: QUOTA } }))
    await state.keep({ client: body.secret })
    return body.secret
  }

  async #registered(): Promise<void> {
    const startedAt = Date.now()
    const api = this.#api(this.clientKey)
    const missing = new Set(this.#miners.map((m) => m.hotkey))
    while (missing.size > 0) {
      if (Date.now() - startedAt > REGISTER_MS)
        throw new Mistake(`no report of ${[...missing].join(', ')} in ${REGISTER_MS / 1000} s; see ${this.#o.state.path('log')}`)
      const { body } = await answer(api.v1.miners.$get({ query: {} }))
      for (const m of body.items) if (m.last_report_at && Date.parse(m.last_report_at) >= startedAt) missing.delete(m.hotkey)
      if (missing.size > 0) await sleep(POLL_MS)
    }
  }
}

/** Goes on after failures and tells of all of them at the end. */
class Problems {
  readonly #all: unknown[] = []

  async during(work: Promise<unknown>): Promise<void> {
    await work.catch((error: unknown) => this.#all.push(error))
  }

  raise(): void {
    if (this.#all.length > 0) throw new Mistake(`not everything stopped cleanly: ${this.#all.map(reason).join('; ')}`, this.#all[0])
  }
}

async function isValid(api: Api): Promise<boolean> {
  try {
    await answer(api.v1.allocations.$get({ query: { limit: '1' } }))
    return true
  } catch (error) {
    if (error instanceof Refused && error.problem.code === 'unauthorized') return false
    throw error
  }
}
