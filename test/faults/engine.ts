import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile, readdir } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { testEngine } from '../support/engine.ts'
import { eventually } from '../support/eventually.ts'

/** What an engine brings along by itself. */
const BUILT_IN = new Set(['bridge', 'host', 'none'])
const LISTENS = 'Server listening on 0.0.0.0 port 22'
const LOUD = '\n!! NO ENGINE TO KILL (needs root, dockerd, ip, and DOCKER_HOST for its image): engines are NOT killed in this run.\n'

type Row = { Id: string; Names: string[]; State: string }

/** An engine of our own, to be killed: nothing of the host's engine is touched. */
export class OwnEngine {
  readonly socket: string
  readonly image: string
  readonly #dir: string
  readonly #bridge: string
  #daemon: ChildProcess | null = null

  private constructor(dir: string, image: string) {
    this.#dir = dir
    this.#bridge = `cf${process.pid}`
    this.socket = join(dir, 's')
    this.image = image
  }

  /** Starts one and gives it the image of the engine at DOCKER_HOST; null, said loudly, where that cannot be. */
  static async open(): Promise<OwnEngine | null> {
    const shared = process.getuid?.() === 0 && has('dockerd') && has('ip') ? await testEngine() : null
    if (!shared) {
      console.warn(LOUD)
      return null
    }
    const engine = new OwnEngine(await mkdtemp(join(tmpdir(), 'dockerd-')), shared.image)
    try {
      await mkdir(join(engine.#dir, 'data'))
      await writeFile(join(engine.#dir, 'daemon.json'), JSON.stringify({ 'live-restore': true }))
      sh('ip', 'link', 'add', engine.#bridge, 'type', 'bridge')
      sh('ip', 'addr', 'add', `172.29.${process.pid % 256}.1/24`, 'dev', engine.#bridge)
      sh('ip', 'link', 'set', engine.#bridge, 'up')
      await engine.start()
      const image = await http(shared.socket, 'GET', `/images/${shared.image}/get`)
      await text(await http(engine.socket, 'POST', '/images/load', image))
      return engine
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    // It was killed with its containerd; this one would wait for that for ever.
    await rm(join(this.#dir, 'exec/containerd/containerd.pid'), { force: true })
    await rm(join(this.#dir, 'pid'), { force: true })
    // Without rules of its own: it shares the host's tables with another engine, and loopback is reached through its proxies.
    const rules = ['--iptables=false', '--ip-masq=false', `--bridge=${this.#bridge}`]
    const places = ['data-root=data', 'exec-root=exec', 'pidfile=pid', 'config-file=daemon.json'].map((p) => `--${p.replace('=', `=${this.#dir}/`)}`)
    const daemon = spawn('dockerd', [...places, `--host=unix://${this.socket}`, ...rules], { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    this.#daemon = daemon
    let said = ''
    for (const out of [daemon.stdout, daemon.stderr]) out?.on('data', (bytes: Buffer) => (said = `${said}${bytes.toString()}`.slice(-3000)))
    try {
      await eventually(() => this.#ask('GET', '/version'), 60_000)
    } catch (cause) {
      throw new Error(`dockerd does not answer: ${said}`, { cause })
    }
  }

  /** kill -9; what it runs runs on. */
  async kill(): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = null
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return
    const exited = once(daemon, 'exit')
    daemon.kill('SIGKILL')
    await exited
  }

  /** How often a rental's SSH server began to listen. */
  async starts(allocation: string): Promise<number> {
    let found = 0
    for (const { Id } of await this.#containers(allocation)) {
      const log = await this.#ask('GET', `/containers/${Id}/logs?stderr=1&stdout=1`)
      found += log.split(LISTENS).length - 1
    }
    return found
  }

  /** As somebody at the host does it by hand. @returns how many containers of the rental there were */
  async byHand(allocation: string, what: 'kill' | 'remove'): Promise<number> {
    const rows = await this.#containers(allocation)
    for (const { Id } of rows) await (what === 'kill' ? this.#ask('POST', `/containers/${Id}/kill`) : this.#ask('DELETE', `/containers/${Id}?force=true`))
    return rows.length
  }

  /** Containers beyond so many. */
  async strays(kept: number): Promise<string[]> {
    const names = (await this.#containers('')).map((c) => c.Names.join())
    return names.length > kept ? names : []
  }

  /** Networks somebody made. */
  async networks(): Promise<string[]> {
    const networks = JSON.parse(await this.#ask('GET', '/networks')) as { Name: string }[]
    return networks.map((n) => n.Name).filter((name) => !BUILT_IN.has(name))
  }

  /** Ends it and everything in it. */
  async close(): Promise<void> {
    if (this.#daemon) {
      for (const { Id } of await this.#containers('')) await this.#ask('DELETE', `/containers/${Id}?force=true`)
      const exited = once(this.#daemon, 'exit')
      this.#daemon.kill('SIGTERM')
      await exited
    }
    spawnSync('ip', ['link', 'del', this.#bridge])
    await this.#detach()
    // One that restores leaves its data mounted on itself, and what is mounted in it may be let go a moment later.
    if ((await readFile('/proc/self/mounts', 'utf8')).includes(` ${this.#dir}/data `)) sh('umount', '--lazy', join(this.#dir, 'data'))
    await rm(this.#dir, { recursive: true, force: true })
  }

  /** Disks of tenants whose agent died for good: their loop devices are the host's. */
  async #detach(): Promise<void> {
    const folder = join(this.#dir, 'data', 'compute-disks')
    const images = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.img'))
    for (const image of images) {
      const { stdout } = spawnSync('losetup', ['-j', join(folder, image), '-n', '-O', 'NAME'], { encoding: 'utf8' })
      for (const device of stdout.split('\n').filter(Boolean)) sh('losetup', '-d', device.trim())
    }
  }

  async #containers(allocation: string): Promise<Row[]> {
    const filters = encodeURIComponent(JSON.stringify(allocation ? { name: [allocation] } : {}))
    return JSON.parse(await this.#ask('GET', `/containers/json?all=1&filters=${filters}`)) as Row[]
  }

  async #ask(method: string, path: string): Promise<string> {
    return text(await http(this.socket, method, path))
  }
}

function http(socketPath: string, method: string, path: string, body?: IncomingMessage): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (answer) => {
      if ((answer.statusCode ?? 500) < 400) return resolve(answer)
      void text(answer).then((said) => reject(new Error(`${method} ${path}: ${answer.statusCode} ${said}`)))
    })
    asked.on('error', reject)
    if (body) body.pipe(asked)
    else asked.end()
  })
}

function sh(program: string, ...args: string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`)
}

const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
