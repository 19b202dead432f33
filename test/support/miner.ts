import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'
import { encodeHotkey, makeId, type WishRun } from '../../schema/index.ts'
import { generateHotkey } from '../../node-agents/core/hotkey.ts'
import { makeLog } from '../../node-agents/core/log.ts'
import type { Owner } from '../../node-agents/core/ports.ts'
import type { MinerConfig } from '../../node-agents/miner/config.ts'
import { runMiner } from '../../node-agents/miner/main.ts'
import { simulatedGpus } from '../../node-agents/miner/simulate.ts'
import { newSpec } from './container.ts'
import { MemoryEngine } from './driver.ts'
import { FakeEdge } from './fake-edge.ts'
import { until } from './until.ts'

/** Below the ports the kernel gives to outgoing connections. */
const PORTS = { first: 20_000, last: 29_999 }

export type Running = { stop(): Promise<void>; ended: Promise<void>; lines: string[] }

/** One miner's world: an edge, an engine, a state directory; the agent in it can be stopped and started again. */
export class MinerWorld {
  readonly edge: FakeEdge
  readonly engine: MemoryEngine
  readonly config: MinerConfig
  readonly hotkey: string
  readonly #dir: string
  readonly #running = new Set<Running>()

  private constructor(dir: string, edge: FakeEdge, engine: MemoryEngine, config: MinerConfig, hotkey: string) {
    this.engine = engine
    this.#dir = dir
    this.edge = edge
    this.config = config
    this.hotkey = hotkey
  }

  static async make(engine = new MemoryEngine()): Promise<MinerWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'miner-'))
    const { address } = await generateHotkey(join(dir, 'hotkey'))
    const edge = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
    const config: MinerConfig = {
      edge: { url: edge.url, pin: edge.pin },
      hotkeyFile: join(dir, 'hotkey'),
      state: join(dir, 'state'),
      address: '127.0.0.1',
      bind: '127.0.0.1',
      ports: PORTS,
      images: ['workspace:1', 'cold:1'],
      maxCpus: null,
      maxMemoryGb: null,
      disk: 'shared',
      diskReserveGb: 1,
      networks: '198.18.0.0/15',
      dns: ['1.1.1.1'],
      simulateGpu: { model: 'NVIDIA H200', count: 2, vramMb: 143_771 },
      reconnectJitterMs: 10,
      missingAfterS: 0.2,
      prepull: false,
      metrics: null,
      chain: null,
      netuid: 27,
      axonIp: null,
      axonPort: 8091,
      docker: '',
      logLevel: 'debug',
    }
    return new MinerWorld(dir, edge, engine, config, address)
  }

  get gpus(): string[] {
    return this.config.simulateGpu ? simulatedGpus(this.hotkey, this.config.simulateGpu).map((g) => g.uuid) : []
  }

  start(config: Partial<MinerConfig> = {}): Running {
    const stop = new AbortController()
    const lines: string[] = []
    const log = makeLog(
      'debug',
      'miner',
      new Writable({
        write(chunk: Buffer, _, done) {
          lines.push(chunk.toString())
          done()
        },
      }),
    )
    const ended = runMiner({ ...this.config, ...config }, this.engine.driver(), stop.signal, log)
    const running: Running = {
      ended,
      lines,
      stop: async () => {
        this.#running.delete(running)
        stop.abort()
        await ended
      },
    }
    this.#running.add(running)
    ended.catch(() => this.#running.delete(running)) // whoever awaits `ended` gets the failure
    return running
  }

  /** A wish entry for one GPU, to be changed where a test needs it. */
  entry(change: Partial<WishRun> = {}): WishRun {
    return {
      kind: 'container',
      id: makeId('al', Date.now(), randomBytes(10)),
      incarnation: 1,
      generation: 1,
      trace: randomBytes(16).toString('hex'),
      desired: 'run',
      restart_n: 0,
      keys_n: 1,
      ssh_keys: [],
      expires_at_ms: this.edge.now() + 3600_000,
      gpus: this.gpus.slice(0, 1),
      image: 'workspace:1',
      env: {},
      init: [],
      limits: { cpus: 1, memory_mb: 256, shm_mb: 64, disk_gb: 1, pids: 256 },
      ...change,
    }
  }

  tombstone({ id, incarnation, generation, trace }: WishRun) {
    return { kind: 'tombstone' as const, id, incarnation, generation: generation + 1, trace }
  }

  /** Starts an agent and waits for its wake socket. */
  async up(config: Partial<MinerConfig> = {}): Promise<Running> {
    const running = this.start(config)
    await until('a wake socket', () => this.edge.sockets.size > 0)
    return running
  }

  /** A container of another owner, as a lost agent leaves one. */
  async leaveBehind(owner: Owner): Promise<void> {
    const { spec } = await newSpec('workspace:1')
    await this.engine.driver().run(owner, spec)
  }

  /** What the edge last heard of an allocation. */
  phase(id: string): string | undefined {
    return this.edge.fact(id)?.phase
  }

  /** Wishes these entries and waits until all of them run. */
  async running(...entries: WishRun[]): Promise<void> {
    this.edge.wish(entries)
    for (const { id } of entries) await until(`${id} runs`, () => this.phase(id) === 'running')
  }

  async close(): Promise<void> {
    await Promise.all([...this.#running].map((r) => r.stop()))
    await this.engine.close()
    await this.edge.stop()
    await rm(this.#dir, { recursive: true, force: true })
  }
}
