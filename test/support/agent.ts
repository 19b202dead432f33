import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { getPublicKey, secretFromSeed, sign } from '@scure/sr25519'
import { WebSocket } from 'ws'
import {
  type AllocationFact,
  encodeHotkey,
  fingerprint,
  type HostFacts,
  hostKeyStatement,
  makeId,
  PROTOCOL,
  type Registration,
  type Report,
  signRequest,
  type Wish,
  type WishEntry,
} from '../../schema/index.ts'

export const IMAGE = 'compute-workspace:test'

/** A miner on the wire and nothing else: signs real requests and reports what a test tells it to. */
export class WireMiner {
  readonly secret = secretFromSeed(randomBytes(32))
  readonly hotkey = encodeHotkey(getPublicKey(this.secret))
  readonly install = makeId('in', Date.now(), randomBytes(10))
  readonly boot = makeId('bo', Date.now(), randomBytes(10))
  seq = 0
  wish: Wish | null = null
  private readonly url: string
  private readonly receiver: string
  facts: HostFacts

  constructor(edge: { url: string; address: string }, gpus = 8, model = 'NVIDIA H200') {
    this.url = edge.url
    this.receiver = edge.address
    this.facts = hostFacts(this.hotkey, gpus, model)
  }

  /** The same hotkey on a new install, whose state directory is empty. */
  reborn(): WireMiner {
    const second = new WireMiner({ url: this.url, address: this.receiver })
    return Object.assign(second, { secret: this.secret, hotkey: this.hotkey, facts: this.facts })
  }

  /** Signs and sends as btauth/1; `tamper` may change the request after it was signed. */
  async send(method: string, target: string, body?: unknown, o: SendOptions = {}): Promise<Response> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const nonce = o.nonce ?? nonceAt(Date.now())
    const headers = signRequest(o.secret ?? this.secret, {
      method,
      target: o.signedTarget ?? target,
      body: new TextEncoder().encode(text),
      nonce,
      sender: this.hotkey,
      receiver: o.receiver ?? this.receiver,
    })
    const sent = o.body ?? text
    return fetch(this.url + target, {
      method,
      headers: { ...headers, 'content-type': 'application/json', ...o.headers },
      ...(method !== 'GET' && { body: sent }),
    })
  }

  registration(): Registration {
    return { protocol: PROTOCOL, version: 'test', role: 'miner', install: this.install, facts: this.facts }
  }

  async register(): Promise<Response> {
    return this.send('POST', '/agent/register', this.registration())
  }

  report(allocations: AllocationFact[], o: Partial<Report> = {}): Report {
    return {
      protocol: PROTOCOL,
      version: 'test',
      install: this.install,
      boot: this.boot,
      seq: ++this.seq,
      wish: null,
      engine: { ok: true, message: '' },
      allocations,
      unexplained: [],
      foreign: 0,
      facts: this.facts,
      ...o,
    }
  }

  /** Reports these facts; keeps and returns the wish. Throws on a problem. */
  async sync(allocations: AllocationFact[] = [], o: Partial<Report> = {}): Promise<WishEntry[]> {
    const response = await this.send('POST', '/agent/sync', this.report(allocations, o))
    const body = (await response.json()) as { wish: string }
    if (!response.ok) throw new Error(`sync: ${response.status} ${JSON.stringify(body)}`)
    this.wish = JSON.parse(Buffer.from(body.wish.split('.')[1] ?? '', 'base64url').toString()) as Wish
    return this.wish.allocations
  }

  /** The fact about a wish entry in this phase, with a signed endpoint when it runs. */
  fact(entry: Pick<WishEntry, 'id' | 'incarnation' | 'generation' | 'trace'>, phase: AllocationFact['phase'], o: Partial<AllocationFact> = {}): AllocationFact {
    return {
      id: entry.id,
      incarnation: entry.incarnation,
      phase,
      observed_generation: entry.generation,
      restart_n: 0,
      keys_n: 0,
      error: null,
      progress: null,
      endpoint: phase === 'running' || phase === 'paused' ? this.endpoint(entry) : null,
      trace: entry.trace,
      ...o,
    }
  }

  /** The fact that this entry of the wish asks for. */
  done(entry: WishEntry): AllocationFact {
    if (entry.kind === 'tombstone' || entry.desired === 'stop') return this.fact(entry, 'gone')
    const { restart_n, keys_n } = entry
    return this.fact(entry, entry.desired === 'pause' ? 'paused' : 'running', { restart_n, keys_n })
  }

  /** Reports every entry of the wish as it should be: running, paused, or gone; restarted and rekeyed as often as was asked. */
  async obey(): Promise<WishEntry[]> {
    const entries = await this.sync()
    return this.sync(entries.map((e) => this.done(e)))
  }

  /** Its wake socket, open. Rejects with the status when it is refused. @param install what it says of itself; null: nothing, as agents of protocol 1 */
  async socket(headers: Record<string, string> = {}, install: string | null = this.install): Promise<WebSocket> {
    const target = install === null ? '/agent/wake' : `/agent/wake?install=${install}`
    const signed = signRequest(this.secret, {
      method: 'GET',
      target,
      body: new Uint8Array(),
      nonce: nonceAt(Date.now()),
      sender: this.hotkey,
      receiver: this.receiver,
    })
    const socket = new WebSocket(`${this.url.replace('http', 'ws')}${target}`, { headers: { ...signed, ...headers } })
    await once(socket, 'open')
    return socket
  }

  private endpoint(entry: Pick<WishEntry, 'id' | 'incarnation'>): NonNullable<AllocationFact['endpoint']> {
    const host_key = HOST_KEY
    const at = { allocation: entry.id, incarnation: entry.incarnation, host: '127.0.0.1', port: 20_000, fingerprint: fingerprint(host_key) }
    return { host: at.host, port: at.port, user: 'root', host_key, signature: `0x${Buffer.from(sign(this.secret, hostKeyStatement(at))).toString('hex')}` }
  }
}

export type SendOptions = {
  nonce?: string
  secret?: Uint8Array
  receiver?: string
  /** What the signature covers, when it differs from what is sent. */
  signedTarget?: string
  body?: string
  headers?: Record<string, string>
}

let drawn = 0n
/** Nanoseconds of this millisecond, never the same twice. */
export function nonceAt(ms: number): string {
  return String(BigInt(Math.trunc(ms)) * 1_000_000n + (drawn++ % 1_000_000n))
}

/** An ed25519 key made for tests; nobody holds its private half. */
export const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPrvpHvYgTeUrwuLrCcvhZFnJBgnDRp2HWr2vYSFTN4O'

export function hostFacts(hotkey: string, gpus: number, model: string): HostFacts {
  return {
    gpu: { status: 'ok', gpus: Array.from({ length: gpus }, (_, index) => ({ uuid: `GPU-${hotkey.slice(-12)}-${index}`, index, model, vram_mb: 143_771 })) },
    simulated: true,
    driver: 'docker',
    isolation: 'runc',
    disk: 'volume',
    network: 'isolated',
    engine: 'test',
    address: '127.0.0.1',
    cpus: 64,
    memory_mb: 512 * 1024,
    disk_free_mb: 4_000_000,
    images: [{ reference: IMAGE, warm: true }],
  }
}
