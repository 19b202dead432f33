import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { boxDriver } from '../../local/box/driver.ts'
import { migrate } from '../../local/database/migrate.ts'
import { type EdgeKeys, makeKeys } from '../../local/edge/keys.ts'
import { Child, type ChildOptions } from '../../local/stack/child.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import type { Container, Driver } from '../../node-agents/core/ports.ts'
import { dockerDriver } from '../../node-agents/miner/docker/driver.ts'
import { openState } from '../../node-agents/miner/state.ts'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import { eventually } from '../support/eventually.ts'
import { freePorts } from '../support/ssh.ts'
import { Tap } from '../support/tap.ts'
import { BoxWatch } from './boxes.ts'
import { until } from '../support/until.ts'
import type { OwnEngine } from './engine.ts'

/** What can be killed. */
export const VICTIMS = ['agent', 'edge', 'database', 'engine'] as const
export type Victim = (typeof VICTIMS)[number]

export type Answer<T> = { status: number; body: T }
export const GPUS = 4
const SSH_PORTS = 100

/** A program that can die at any moment and come back as it was. */
class Service {
  readonly #options: ChildOptions
  #child: Child | null = null

  constructor(options: ChildOptions) {
    this.#options = options
  }

  /** @param until what it prints when it serves; absent: it is started when it runs */
  async start(listens: boolean): Promise<void> {
    const child = new Child(this.#options)
    this.#child = child
    if (listens) await child.listening()
  }

  /** kill -9; resolves when it is dead. */
  async kill(): Promise<void> {
    this.#child?.kill()
    await this.stop()
  }

  async stop(): Promise<void> {
    await this.#child?.stop()
  }
}

type Parts = {
  flags: Record<string, string>
  folder: string
  keys: EdgeKeys
  hotkey: string
  ports: { edge: number; database: number; ssh: number }
  own: OwnEngine | null
}

/**
 * A market of processes on loopback: database, edge in workerd, one agent, and an engine of its own where rentals are containers.
 * Whatever they say to each other goes through taps; each can be killed and started again over what it had.
 */
export class Market {
  readonly folder: string
  readonly hotkey: string
  readonly address: string
  readonly driver: Driver
  readonly engine: OwnEngine | null
  /** In front of each of them. */
  readonly taps: { database: Tap; edge: Tap; engine: Tap | null }
  readonly #keys: EdgeKeys
  readonly #url: string
  readonly #services: Record<Exclude<Victim, 'engine'>, Service>
  readonly #boxes: BoxWatch | null
  readonly #flags: Record<string, string>
  key = ''

  private constructor({ flags, folder, keys, hotkey, ports, own }: Parts, taps: Market['taps']) {
    this.folder = folder
    this.hotkey = hotkey
    this.engine = own
    this.taps = taps
    this.#keys = keys
    this.address = keys.vars['EDGE_ADDRESS'] ?? ''
    this.#url = `http://127.0.0.1:${ports.edge}`
    const state = join(folder, 'state')
    this.#boxes = own ? null : new BoxWatch(join(state, 'boxes'))
    this.driver = own ? dockerDriver({ socket: own.socket, bindAddress: '127.0.0.1', tidies: false }) : boxDriver({ root: join(state, 'boxes') })
    const image = own?.image ?? 'compute-workspace:box'
    const vars = { ...keys.vars, ENVIRONMENT: 'development', NETUID: '27', DEFAULT_IMAGE: image, DATABASE_URL: taps.database.url }
    this.#flags = {
      '--edge': `${taps.edge.url}#${keys.fingerprint}`,
      '--hotkey-file': join(folder, 'hotkey'),
      '--address': '127.0.0.1',
      '--bind': '127.0.0.1',
      '--ports': `${ports.ssh}-${ports.ssh + SSH_PORTS}`,
      '--images': image,
      '--chain': 'none',
      '--reconnect-jitter-ms': '50',
      '--simulate-gpu': `NVIDIA H200:${GPUS}`,
      ...(own && { '--docker': join(folder, 'docker.sock') }),
      ...flags,
    }
    const of = (name: string, script: string, o: Partial<ChildOptions>) => new Service({ name, script, log: join(folder, `${name}.log`), ...o })
    this.#services = {
      database: of('database', 'local/database/main.ts', { args: ['--file', join(folder, 'database.sqlite'), '--port', String(ports.database)] }),
      edge: of('edge', 'local/edge/main.ts', { env: { TMPDIR: folder }, input: JSON.stringify({ vars, port: ports.edge, persist: join(folder, 'edge') }) }),
      agent: of('agent', 'local/miner.ts', { args: this.#agentArgs(state) }),
    }
  }

  /** Starts all of it and waits until the miner can be rented. @param own an engine of its own; null: boxes @param flags what the agent is told otherwise */
  static async open(own: OwnEngine | null = null, flags: Record<string, string> = {}): Promise<Market> {
    const folder = await mkdtemp(join(tmpdir(), 'market-'))
    await mkdir(join(folder, 'edge'))
    const [edge = 0, database = 0] = await freePorts(2)
    const ports = { edge, database, ssh: 20_000 + SSH_PORTS * Math.floor(Math.random() * 98) }
    const { address: hotkey } = await generateHotkey(join(folder, 'hotkey'))
    const taps = {
      database: await new Tap(() => ({ port: ports.database })).listen(),
      edge: await new Tap(() => ({ port: ports.edge })).listen(),
      engine: own && (await new Tap(() => ({ path: own.socket }), true).listen({ path: join(folder, 'docker.sock') })),
    }
    const market = new Market({ flags, folder, keys: await makeKeys(), hotkey, ports, own }, taps)
    try {
      await market.#begin(`http://127.0.0.1:${database}`)
      return market
    } catch (cause) {
      const said = await market.logs()
      await market.close().catch(() => undefined) // the first failure is the one to tell
      throw new Error(`the market did not start\n${said}`, { cause })
    }
  }

  #agentArgs(state: string): string[] {
    return [this.engine ? 'docker' : 'box', ...Object.entries({ ...this.#flags, '--state': state }).flat()]
  }

  async #begin(database: string): Promise<void> {
    await this.#services.database.start(true)
    await migrate(database)
    await this.#services.edge.start(true)
    const wide = { max_gpus: 1000, max_allocations: 1000, requests_per_minute: 100_000, allocations_per_minute: 100_000 }
    this.key = (await this.admin<{ secret: string }>('POST', '/admin/keys', { tenant: 'alice', quota: wide })).body.secret
    await this.admin('POST', '/admin/allow', { hotkey: this.hotkey, role: 'miner' })
    await this.#services.agent.start(false)
    await eventually(async () => {
      if ((await this.free()) !== GPUS) throw new Error('the miner cannot be rented yet')
    }, 60_000)
  }

  /** kill -9. */
  async kill(victim: Victim): Promise<void> {
    if (victim === 'engine') await this.engine?.kill()
    else await this.#services[victim].kill()
  }

  /** Starts again what was killed, with all it had; resolves when it serves. */
  async revive(victim: Victim): Promise<void> {
    if (victim === 'engine') await this.engine?.start()
    else await this.#services[victim].start(victim !== 'agent')
  }

  /** A new agent that hears the edge's wake: one that met a dead edge a few times in a row waits longer and longer before it dials again. */
  async calm(): Promise<void> {
    await this.kill('agent')
    await until('the old wake socket is closed', () => this.taps.edge.tunnels === 0)
    await this.revive('agent')
    await until('a wake socket', () => this.taps.edge.tunnels === 1, 60_000)
  }

  /** Another agent with the same hotkey, on the same host. @param prepare fills its state directory from that of the first */
  async secondAgent(prepare: (from: string, to: string) => Promise<void> = async () => undefined): Promise<{ log: string; stop(): Promise<void> }> {
    const [state, log] = [join(this.folder, 'second'), join(this.folder, 'second.log')]
    await prepare(join(this.folder, 'state'), state)
    const second = new Service({ name: 'second', script: 'local/miner.ts', args: this.#agentArgs(state), log })
    await second.start(false)
    return { log, stop: () => second.kill() }
  }

  /** Asks the edge in the tenant's name; rejects when it does not answer. */
  call<T = AllocationView & ProblemBody>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    return this.#call(this.key, method, path, body, headers)
  }

  admin<T>(method: string, path: string, body?: unknown): Promise<Answer<T>> {
    return this.#call(this.#keys.vars['ADMIN_KEY'] ?? '', method, path, body, {})
  }

  async #call<T>(key: string, method: string, path: string, body: unknown, headers: Record<string, string>): Promise<Answer<T>> {
    const given = body === undefined ? {} : { body: JSON.stringify(body) }
    const all = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }
    const response = await fetch(this.#url + path, { method, headers: all, ...given, signal: AbortSignal.timeout(30_000) })
    const text = await response.text()
    return { status: response.status, body: (text ? JSON.parse(text) : null) as T }
  }

  async see(id: string): Promise<AllocationView> {
    const { status, body } = await this.call<AllocationView>('GET', `/v1/allocations/${id}`)
    if (status !== 200) throw new Error(`${status} ${JSON.stringify(body)}`)
    return body
  }

  /** GPUs that can be rented now. */
  async free(): Promise<number> {
    return (await this.call<{ free: number }>('GET', '/v1/gpus')).body.free
  }

  /** What is on the host, whoever knows of it. */
  async containers(): Promise<Container[]> {
    const { install } = await openState(join(this.folder, 'state'), Date.now)
    return (await this.driver.list({ edge: this.address, hotkey: this.hotkey, install })).containers
  }

  /** How often the rental was started on this host since it is watched. */
  async starts(id: string): Promise<number> {
    return this.engine ? this.engine.starts(id) : (this.#boxes?.starts(id) ?? 0)
  }

  /** What is on the host for no rental: containers, or processes of boxes. @param kept how many containers there should be */
  async strays(kept: number): Promise<string[]> {
    return this.engine ? this.engine.strays(kept) : (this.#boxes?.strays() ?? [])
  }

  /** The end of what each of them said, for a test that failed. */
  async logs(): Promise<string> {
    const tails = [...Object.keys(this.#services), 'second'].map(async (name) => {
      const text = await readFile(join(this.folder, `${name}.log`), 'utf8').catch(() => '')
      return `--- ${name}\n${text.split('\n').slice(-25).join('\n')}`
    })
    return (await Promise.all(tails)).join('\n')
  }

  /** Stops everything and removes every rental. */
  async close(): Promise<void> {
    await this.#services.agent.stop()
    const { install } = await openState(join(this.folder, 'state'), Date.now)
    const owner = { edge: this.address, hotkey: this.hotkey, install }
    for (const c of (await this.driver.list(owner)).containers) await this.driver.remove(owner, c)
    await this.#boxes?.close()
    await this.#services.edge.stop()
    await this.#services.database.stop()
    await Promise.all(Object.values(this.taps).map((tap) => tap?.close()))
    await rm(this.folder, { recursive: true, force: true })
  }
}
