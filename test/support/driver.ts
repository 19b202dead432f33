import { createServer, type Server, type Socket } from 'node:net'
import { type Container, type ContainerSpec, type Driver, DriverError, type Owner, type PullProgress } from '../../node-agents/core/ports.ts'

type Row = Container & {
  owner: Owner
  spec: ContainerSpec
  server: Server | null
  sockets: Set<Socket>
  /** How often a rekey ended its sessions. */ sessionsEnded: number
}
type Act = 'start' | 'stop' | 'pause' | 'unpause' | 'rekey'

const same = (a: Owner, b: Owner) => a.edge === b.edge && a.hotkey === b.hotkey && a.install === b.install

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
}

/**
 * A container engine in memory whose containers are real TCP servers that greet like sshd. It outlives its drivers,
 * as a real engine outlives an agent. What it does wrong is set from outside.
 */
export class MemoryEngine {
  readonly images = new Set<string>(['workspace:1'])
  /** What a pull of an image that is not here does; default: it arrives. */
  pull: (reference: string, onProgress: (p: PullProgress) => void, signal: AbortSignal) => Promise<void> = async (reference) => void this.images.add(reference)
  /** Awaited before a container is made; may throw. */
  beforeRun: (spec: ContainerSpec, signal?: AbortSignal) => Promise<void> = async () => undefined
  /** Awaited before each act on a container that is there; may throw. */
  beforeAct: (act: Act, c: { allocation: string }) => Promise<void> = async () => undefined
  /** Every act that was done, in order. */
  readonly acts: Act[] = []
  /** How long its SSH server takes to greet (ms); Infinity: nothing ever listens. */
  bannerAfterMs = 0
  exec: (argv: string[]) => { exitCode: number; output: string } = () => ({ exitCode: 0, output: '' })
  away = false
  /** Which engine it is. */
  id = 'memory 1'
  /** Every container ever made, in order: "allocation/incarnation". */
  readonly made: string[] = []
  readonly #rows = new Map<string, Row>()
  readonly #watchers = new Set<() => void>()

  get rows(): Row[] {
    return [...this.#rows.values()]
  }

  row(allocation: string): Row | undefined {
    return this.rows.find((r) => r.allocation === allocation)
  }

  /** The container ends by itself, or with its host. */
  async exit(allocation: string, exitCode = 137): Promise<void> {
    const row = this.row(allocation)
    if (!row) throw new Error(`no container of ${allocation}`)
    await this.#quiet(row)
    row.state = 'exited'
    row.exitCode = exitCode
    this.#changed()
  }

  /** Its SSH server dies and the container runs on. */
  async mute(allocation: string): Promise<void> {
    const row = this.row(allocation)
    if (row) await this.#quiet(row)
  }

  /** The container is gone behind everybody's back. */
  async vanish(allocation: string): Promise<void> {
    for (const [key, row] of this.#rows) {
      if (row.allocation !== allocation) continue
      await this.#quiet(row)
      this.#rows.delete(key)
    }
    this.#changed()
  }

  /** Something happened: whoever watches looks again. */
  poke(): void {
    this.#changed()
  }

  async close(): Promise<void> {
    await Promise.all(this.rows.map((r) => this.#quiet(r)))
    this.#rows.clear()
  }

  driver(): Driver {
    return {
      name: 'docker',
      info: async () =>
        this.#here({ driver: 'docker' as const, isolation: 'none', engine: 'memory', disk: 'volume' as const, network: 'isolated' as const, id: this.id }),
      list: async (owner) => {
        const mine = this.rows.filter((r) => same(r.owner, owner))
        const containers = mine.map(({ owner: _o, spec: _s, server: _r, sockets: _k, sessionsEnded: _e, ...c }) => c)
        const others = this.rows.filter((r) => !mine.includes(r))
        return this.#here({ containers, foreign: others.length, foreignGpus: others.filter((r) => r.state !== 'exited').flatMap((r) => r.gpus) })
      },
      installs: async ({ edge, hotkey }) =>
        this.#here([...new Set(this.rows.filter((r) => r.owner.edge === edge && r.owner.hotkey === hotkey).map((r) => r.owner.install))]),
      hasImage: async (reference) => this.#here(this.images.has(reference)),
      pull: (reference, onProgress, signal) => this.#here(this.pull(reference, onProgress, signal)),
      run: async (owner, spec, signal, onCreated) => this.#run(owner, spec, signal, onCreated),
      start: async (_, c) => {
        await this.#act('start', c)
        if (!(await this.#up(this.#need(c.allocation)))) throw new DriverError('no_port', 'its port is taken')
      },
      stop: async (_, c) => {
        await this.#act('stop', c)
        if (this.#need(c.allocation).state !== 'exited') await this.exit(c.allocation, 0)
      },
      pause: async (_, c) => {
        await this.#act('pause', c)
        this.#turn(c.allocation, 'running', 'paused')
      },
      unpause: async (_, c) => {
        await this.#act('unpause', c)
        this.#turn(c.allocation, 'paused', 'running')
      },
      rekey: async (_, c, authorizedKeys, endSessions) => {
        await this.#act('rekey', c)
        const row = this.#need(c.allocation)
        if (endSessions && row.state !== 'running') throw new DriverError('engine_error', 'its sessions cannot end')
        row.spec = { ...row.spec, authorizedKeys }
        if (endSessions) row.sessionsEnded++
      },
      space: async () => this.#here({ freeMb: 900_000, totalMb: 1_000_000, freeInodes: 1 }),
      written: async (owner) =>
        this.#here(this.rows.filter((r) => same(r.owner, owner)).map(({ allocation, incarnation }) => ({ allocation, incarnation, mb: 0 }))),
      exec: async (_, c, argv) => {
        this.#need(c.allocation)
        return this.exec(argv)
      },
      remove: async (owner, c) => {
        this.#here(null)
        const row = this.#rows.get(`${c.allocation}/${c.incarnation}`)
        if (!row || !same(row.owner, owner)) return
        await this.#quiet(row)
        this.#rows.delete(`${c.allocation}/${c.incarnation}`)
        this.#changed()
      },
      watch: async (_, onChange, signal) => {
        this.#watchers.add(onChange)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        this.#watchers.delete(onChange)
      },
    }
  }

  #here<T>(value: T): T {
    if (this.away) throw new DriverError('away', 'the engine does not answer')
    return value
  }

  #need(allocation: string): Row {
    this.#here(null)
    const row = this.row(allocation)
    if (!row) throw new DriverError('container_missing', `no container of ${allocation}`)
    return row
  }

  async #act(act: Act, c: { allocation: string }): Promise<void> {
    this.#need(c.allocation)
    await this.beforeAct(act, c)
    this.#here(null)
    this.acts.push(act)
  }

  #turn(allocation: string, from: Container['state'], to: Container['state']): void {
    const row = this.#need(allocation)
    if (row.state === 'exited') throw new DriverError('exited', 'it is not running')
    if (row.state !== from) return
    row.state = to
    this.#changed()
  }

  async #run(owner: Owner, spec: ContainerSpec, signal?: AbortSignal, onCreated?: () => void): Promise<{ port: number }> {
    this.#here(null)
    await this.beforeRun(spec, signal)
    signal?.throwIfAborted()
    const { allocation, incarnation, gpus, hostKey, trace, ports } = spec
    for (const port of ports) {
      if (this.rows.some((r) => r.port === port && r.state === 'running')) continue
      const identity = { allocation, incarnation, gpus, hostKey, trace, port }
      const row: Row = { ...identity, owner, spec, state: 'created', exitCode: null, started: false, server: null, sockets: new Set(), sessionsEnded: 0 }
      onCreated?.()
      if (!(await this.#up(row))) continue
      this.#rows.set(`${allocation}/${incarnation}`, row)
      this.made.push(`${allocation}/${incarnation}`)
      this.#changed()
      return { port }
    }
    throw new DriverError('no_port', 'every port is taken')
  }

  /** @returns false when somebody else has its port */
  async #up(row: Row): Promise<boolean> {
    if (this.bannerAfterMs !== Infinity) {
      row.server = createServer((socket) => this.#greet(row, socket))
      if (!(await listens(row.server, row.port))) return false
    }
    row.state = 'running'
    row.started = true
    row.exitCode = null
    this.#changed()
    return true
  }

  #greet(row: Row, socket: Socket): void {
    row.sockets.add(socket)
    if (row.state === 'paused') return // takes connections and says nothing, as a frozen one does
    socket.on('close', () => row.sockets.delete(socket))
    socket.on('error', () => socket.destroy()) // a client that leaves is nothing to an SSH server
    setTimeout(() => row.state === 'running' && socket.write('SSH-2.0-memory\r\n'), this.bannerAfterMs).unref()
  }

  async #quiet(row: Row): Promise<void> {
    const { server } = row
    row.server = null
    for (const socket of row.sockets) socket.destroy()
    if (server?.listening) await new Promise((resolve) => server.close(resolve))
  }

  #changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}
