import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair } from 'jose'
import { type WebSocket, WebSocketServer } from 'ws'
import {
  JWS_TYPE,
  Problem,
  PROTOCOL,
  PROTOCOL_OLDEST,
  registration,
  report,
  type Registration,
  type Report,
  type TakenOver,
  takeover,
  type Takeover,
  verifyRequest,
  type WishEntry,
} from '../../schema/index.ts'

const EPOCH = 1

type Key = { kid: string; x: string; private: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'] }

async function makeKey(): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const { x = '' } = await exportJWK(publicKey)
  return { kid: await calculateJwkThumbprint({ kty: 'OKP', crv: 'Ed25519', x }), x, private: privateKey }
}

const publicJwk = ({ kid, x }: Key) => ({ kty: 'OKP' as const, crv: 'Ed25519' as const, x, kid })

/** What an edge speaks: it reads with these, and signs its wishes with this protocol. */
export type Wire = { newest: number; oldest: number; registration: { parse(json: unknown): Registration }; report: { parse(json: unknown): Report } }

const TODAY: Wire = { newest: PROTOCOL, oldest: PROTOCOL_OLDEST, registration, report }

/** An edge for tests of agents: real HTTP, real sockets, real signatures, the wish set by hand. */
export class FakeEdge {
  readonly address: string
  readonly registrations: Registration[] = []
  readonly reports: Report[] = []
  /** Requests refused, by code. */
  readonly refused: string[] = []
  readonly sockets = new Set<WebSocket>()
  /** How far the edge's clock is from this machine's (ms). */
  skewMs = 0
  /** Looked at before anything else; throws to refuse. */
  fault: (path: string) => void = () => undefined
  /** Changes a wish before it is signed. */
  bend: (wish: Record<string, unknown>) => Record<string, unknown> = (w) => w
  /** The release of this edge. */
  wire = TODAY
  epoch = EPOCH
  version = 0
  #entries: unknown[] = []
  #keys: Key[] = []
  #nonces = new Set<string>()
  #server = createServer((request, response) => void this.#serve(request, response))
  #wss = new WebSocketServer({ noServer: true })
  #install = new Map<string, string>()
  #port = 0

  constructor(address: string) {
    this.address = address
  }

  /** Starts listening, on the port it had before if there was one. */
  async start(): Promise<this> {
    if (this.#keys.length === 0) this.#keys = [await makeKey()]
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (this.#server.address() as AddressInfo).port
    return this
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.terminate()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get pin(): string {
    return this.#keys[0]?.kid ?? ''
  }

  /** Shows the key to come beside the current one. */
  async announce(): Promise<void> {
    this.#keys = [...this.#keys.slice(0, 1), await makeKey()]
  }

  /** The key that was announced signs from now on. */
  rotate(): void {
    this.#keys = this.#keys.slice(1)
  }

  /** Sets the wish and wakes the agent. */
  wish(entries: unknown[]): void {
    this.#entries = entries
    this.version++
    this.wake()
  }

  /** As after the loss of a row: nobody is registered. */
  forget(): void {
    this.#install.clear()
  }

  wake(): void {
    for (const socket of this.sockets) socket.send('go')
  }

  get last(): Report | undefined {
    return this.reports.at(-1)
  }

  fact(id: string) {
    return this.last?.allocations.find((a) => a.id === id)
  }

  now(): number {
    return Date.now() + this.skewMs
  }

  async identity(): Promise<string> {
    const claims = {
      address: this.address,
      netuid: 1,
      environment: 'development',
      protocol: { newest: this.wire.newest, oldest: this.wire.oldest },
      keys: this.#keys.map(publicJwk),
    }
    return this.#sign(claims, JWS_TYPE.identity, this.#keys[0])
  }

  async signWish(hotkey: string, install: string): Promise<string> {
    const claims = {
      iss: this.address,
      aud: hotkey,
      install,
      protocol: this.wire.newest,
      epoch: this.epoch,
      version: this.version,
      issued_at_ms: this.now(),
      allocations: this.#entries as WishEntry[],
    }
    return this.#sign(this.bend(claims), JWS_TYPE.wish, this.#keys[0])
  }

  #sign(claims: unknown, typ: string, key: Key | undefined): Promise<string> {
    if (!key) throw new Error('not started')
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: 'EdDSA', typ, kid: key.kid }).sign(key.private)
  }

  #admit(request: IncomingMessage, body: Uint8Array): string {
    const header = (name: string) => {
      const value = request.headers[name]
      return typeof value === 'string' ? value : null
    }
    const v = verifyRequest({ method: request.method ?? '', target: request.url ?? '', body, header }, this.address, this.now())
    if (!v.ok) throw new Problem(v.code, v.detail, v.code === 'stale' ? { server_time_ms: this.now() } : {})
    if (this.#nonces.has(v.nonce)) throw new Problem('replayed')
    this.#nonces.add(v.nonce)
    return v.hotkey
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const answer = (status: number, body: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    try {
      answer(200, await this.#route(request, Buffer.concat(chunks)))
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem('internal', String(error))
      this.refused.push(problem.code)
      answer(problem.status, problem.body())
    }
  }

  async #route(request: IncomingMessage, body: Buffer): Promise<unknown> {
    const path = request.url ?? ''
    this.fault(path)
    if (path === '/agent/identity') return { jws: await this.identity() }
    const hotkey = this.#admit(request, body)
    const json: unknown = JSON.parse(body.toString('utf8'))
    if (path === '/agent/register') {
      const r = this.wire.registration.parse(json)
      this.registrations.push(r)
      this.#install.set(hotkey, r.install)
      return { protocol: this.wire.newest, epoch: this.epoch, server_time_ms: this.now() }
    }
    if (path === '/agent/takeover') return this.#takeover(hotkey, takeover.parse(json))
    const r = this.wire.report.parse(json)
    if (this.#install.get(hotkey) !== r.install) throw new Problem('not_registered')
    this.reports.push(r)
    return { wish: await this.signWish(hotkey, r.install) }
  }

  #takeover(hotkey: string, { install, from }: Takeover): TakenOver {
    const speaks = this.#install.get(hotkey)
    if (speaks === undefined) throw new Problem('not_registered')
    if (speaks !== install && speaks !== from) throw new Problem('agent_conflict', `install ${speaks} speaks for this hotkey`)
    this.#install.set(hotkey, install)
    return { lost: [], moved: [] }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    try {
      this.fault(request.url ?? '')
      this.#admit(request, new Uint8Array())
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem('internal', String(error))
      this.refused.push(problem.code)
      const body = JSON.stringify(problem.body())
      socket.end(
        `HTTP/1.1 ${problem.status} Refused\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      )
      return
    }
    this.#wss.handleUpgrade(request, socket, head, (ws) => {
      this.sockets.add(ws)
      ws.on('close', () => this.sockets.delete(ws))
      ws.on('message', (data: Buffer) => data.toString() === 'ping' && ws.send('pong'))
    })
  }
}
