import { randomInt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { boxDriver } from '../../local/box/driver.ts'
import { migrate } from '../../local/database/migrate.ts'
import { startDatabase } from '../../local/database/server.ts'
import { type Api, connect } from '../../node-agents/cli/client.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Driver } from '../../node-agents/core/ports.ts'
import type { MinerConfig } from '../../node-agents/miner/config.ts'
import { dockerDriver } from '../../node-agents/miner/docker/driver.ts'
import { runMiner } from '../../node-agents/miner/main.ts'
import { openState } from '../../node-agents/miner/state.ts'
import { type Quota, startTestEdge, type TestEdge } from './edge.ts'
import type { TestEngine } from './engine.ts'
import { until } from './until.ts'

/** Where the rentals of a test run: a real engine (`await testEngine()`), or boxes. */
export type StackDriver = 'box' | TestEngine

export type StackOptions = {
  /** How many miners; 1 unless said. */
  miners?: number
  driver?: StackDriver
  /** Settings of the edge, by the names of edge/env.ts. */
  edgeVars?: Record<string, string>
  /** What each miner is told otherwise, or the nth one. */
  config?: Partial<MinerConfig> | ((n: number) => Partial<MinerConfig>)
  /** Stands between the nth miner's agent and its engine. */
  between?: (driver: Driver, n: number) => Driver
}

export type StackMiner = {
  hotkey: string
  config: MinerConfig
  driver: Driver
  /** Its log, newest last. */
  lines: string[]
  /** Starts the agent (again); resolves when clients can see it. */
  start(): Promise<void>
  /** Stops the agent; what it rented out runs on. Rejects with what ended it before. */
  stop(): Promise<void>
}

export type TestStack = {
  url: string
  /** Raw HTTP, keys, log lines, the running Worker. */
  edge: TestEdge
  databaseUrl: string
  adminKey: string
  /** The API in the admin's name. */
  admin: Api
  /** A new tenant with a client key of its own; quotas are wide unless said. */
  client(quota?: Quota): Promise<{ key: string; api: Api }>
  miners: StackMiner[]
  image: string
  /** Fires cron once. */
  tick(): Promise<void>
  /** Stops everything and removes every rental. */
  close(): Promise<void>
}

const BOX_IMAGE = 'compute-workspace:box'
const PORTS = 100

/** A whole market in this process: database, edge in workerd, admitted miners that clients can see. */
export async function startStack({ miners = 1, driver = 'box', edgeVars = {}, config = {}, between = same }: StackOptions = {}): Promise<TestStack> {
  const folder = await mkdtemp(join(tmpdir(), 'compute-stack-'))
  const image = driver === 'box' ? BOX_IMAGE : driver.image
  const database = await startDatabase({ file: join(folder, 'database.sqlite') })
  await migrate(database.url)
  const edge = await startTestEdge(database.url, { vars: { DEFAULT_IMAGE: image, ...edgeVars } })
  const watcher = await edge.key('stack')
  const shared = { edge, watcher, driver, image }
  const made = await Promise.all(
    Array.from({ length: miners }, (_, i) =>
      makeMiner({
        ...shared,
        folder: join(folder, `miner-${i + 1}`),
        config: typeof config === 'function' ? config(i) : config,
        between: (made) => between(made, i),
      }),
    ),
  )
  let tenants = 0
  const stack: TestStack = {
    url: edge.url,
    edge,
    databaseUrl: database.url,
    adminKey: edge.adminKey,
    admin: connect({ url: edge.url, key: edge.adminKey }),
    async client(quota) {
      const key = await edge.key(`tenant-${++tenants}`, quota)
      return { key, api: connect({ url: edge.url, key }) }
    },
    miners: made,
    image,
    tick: () => edge.running.tick(),
    async close() {
      const stopped = await Promise.allSettled(made.map((m) => m.stop()))
      await Promise.all(made.map((m) => removeRentals(m, edge.address)))
      await edge.close()
      await database.close()
      await rm(folder, { recursive: true, force: true })
      for (const s of stopped) if (s.status === 'rejected') throw s.reason
    },
  }
  try {
    await Promise.all(made.map((m) => m.start()))
    return stack
  } catch (error) {
    await stack.close().catch(() => undefined) // the first failure is the one to tell
    throw error
  }
}

type MinerOptions = {
  folder: string
  edge: TestEdge
  watcher: string
  driver: StackDriver
  image: string
  config: Partial<MinerConfig>
  between: (driver: Driver) => Driver
}

const same = (driver: Driver) => driver

async function makeMiner({ folder, edge, watcher, driver, image, config, between }: MinerOptions): Promise<StackMiner> {
  const { address: hotkey } = await generateHotkey(join(folder, 'hotkey'))
  await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey, role: 'miner' })
  const first = randomInt(20_000, 30_000 - PORTS)
  const full: MinerConfig = {
    edge: { url: edge.url, pin: edge.fingerprint },
    hotkeyFile: join(folder, 'hotkey'),
    state: join(folder, 'state'),
    address: '127.0.0.1',
    bind: '127.0.0.1',
    ports: { first, last: first + PORTS },
    images: [image],
    maxCpus: null,
    maxMemoryGb: null,
    disk: 'shared',
    diskReserveGb: 1,
    networks: '198.18.0.0/15',
    dns: ['1.1.1.1'],
    simulateGpu: { model: 'NVIDIA H200', count: 8, vramMb: 143_771 },
    reconnectJitterMs: 50,
    missingAfterS: 0.2,
    prepull: false,
    metrics: null,
    chain: null,
    netuid: 27,
    axonIp: null,
    axonPort: 8091,
    docker: driver === 'box' ? '' : driver.socket,
    logLevel: 'info',
    ...config,
  }
  const real = driver === 'box' ? boxDriver({ root: join(full.state, 'boxes') }) : dockerDriver({ socket: driver.socket, bindAddress: full.bind })
  const made = between(real)
  const lines: string[] = []
  let running: { abort: AbortController; ended: Promise<void> } | null = null
  return {
    hotkey,
    config: full,
    driver: made,
    lines,
    async start() {
      const abort = new AbortController()
      const since = Date.now()
      const ended = runMiner(full, made, abort.signal, makeLog(full.logLevel, 'miner', sink(lines)))
      running = { abort, ended }
      const seen = until(`miner ${hotkey} reports`, async () => (await lastReport(edge, watcher, hotkey)) >= since, 30_000)
      await Promise.race([seen, ended.then(() => Promise.reject(new Error(`the agent ended: ${lines.at(-1)}`)))])
    },
    async stop() {
      const { abort, ended } = running ?? {}
      running = null
      abort?.abort()
      await ended
    },
  }
}

async function lastReport(edge: TestEdge, key: string, hotkey: string): Promise<number> {
  const { body } = await edge.call<{ last_report_at?: string | null }>(key, 'GET', `/v1/miners/${hotkey}`)
  return body.last_report_at ? Date.parse(body.last_report_at) : 0
}

async function removeRentals({ config, driver, hotkey }: StackMiner, edge: string): Promise<void> {
  const { install } = await openState(config.state, Date.now)
  const owner = { edge, hotkey, install }
  const { containers } = await driver.list(owner)
  await Promise.all(containers.map((c) => driver.remove(owner, c)))
}

function sink(lines: string[]): Writable {
  return new Writable({
    write(chunk: Buffer, _, done) {
      lines.push(chunk.toString().trimEnd())
      done()
    },
  })
}
