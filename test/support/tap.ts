import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type RequestOptions, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'

export type Exchange = { method: string; path: string; body: string; /** Empty until it is answered, and for what streams. */ answer: string }
export type Side = 'before it is passed on' | 'after it was answered'
type Trap = { side: Side; is: (e: Exchange) => boolean; spring: () => Promise<void>; sprung: () => void }

/** Where a tap listens or leads to. */
export type End = { port: number } | { path: string }

const far = (end: End): RequestOptions => ('port' in end ? { host: '127.0.0.1', port: end.port } : { socketPath: end.path })

/** So that answers can be read on the way. */
const plain = (headers: IncomingHttpHeaders) => ({ ...headers, 'accept-encoding': 'identity' })

/**
 * An HTTP proxy that knows each exchange from its first byte to its last, so that something can be done at exactly one moment of it.
 * `streams`: answers are passed on as they come and `answer` stays empty, for servers that never end some of theirs.
 */
export class Tap {
  /** Called for every request, before anything else. Throws or rejects to cut the exchange. */
  onRequest: (e: Exchange) => void | Promise<void> = () => undefined
  /** Called for every answer that does not stream. @param repeat sends the request once more and resolves with the status */
  onAnswer: (e: Exchange, repeat: () => Promise<number>) => void | Promise<void> = () => undefined
  #traps: Trap[] = []
  readonly #server: Server
  readonly #target: () => End
  readonly #streams: boolean
  readonly #sockets = new Set<Socket>()
  readonly #tunnels = new Set<Socket>()

  constructor(target: () => End, streams = false) {
    this.#target = target
    this.#streams = streams
    this.#server = createServer((q, a) => void this.#pass(q, a).catch(() => a.destroy()))
    this.#server.on('upgrade', (q: IncomingMessage, near: Socket, head: Buffer) => void this.#tunnel(q, near, head).catch(() => near.destroy()))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  async listen(end: End = { port: 0 }): Promise<this> {
    if ('port' in end) this.#server.listen(end.port, '127.0.0.1')
    else this.#server.listen(end.path)
    await once(this.#server, 'listening')
    return this
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections that are no HTTP any more, such as WebSockets. */
  get tunnels(): number {
    return this.#tunnels.size
  }

  /** At the next exchange like this: does it, then cuts the exchange. Resolves when that is done. */
  trap(side: Side, is: Trap['is'], spring: Trap['spring']): Promise<void> {
    return new Promise((sprung) => this.#traps.push({ side, is, spring, sprung }))
  }

  /** Forgets traps that nothing went into. */
  clear(): void {
    this.#traps = []
  }

  /** Ends the connections that are no HTTP any more; new ones are taken. @returns how many there were */
  cutTunnels(): number {
    const { size } = this.#tunnels
    for (const socket of this.#tunnels) socket.destroy()
    return size
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  async #pass(q: IncomingMessage, a: ServerResponse): Promise<void> {
    const e: Exchange = { method: q.method ?? '', path: q.url ?? '', body: (await buffer(q)).toString('latin1'), answer: '' }
    await this.onRequest(e)
    if (await this.#sprung('before it is passed on', e)) return void a.destroy()
    const body = Buffer.from(e.body, 'latin1')
    const answered = await this.#ask(e, q.headers, body, a)
    const whole = this.#streams ? null : await buffer(answered)
    e.answer = whole?.toString('latin1') ?? ''
    if (whole) await this.onAnswer(e, () => this.#repeat(e, q.headers, body))
    if (await this.#sprung('after it was answered', e)) return void a.destroy()
    a.writeHead(answered.statusCode ?? 502, answered.headers)
    answered.on('error', () => a.destroy())
    if (!whole) return void answered.pipe(a.on('error', () => undefined))
    const told = Buffer.from(e.answer, 'latin1')
    a.write(told)
    if (told.length < whole.length) a.destroy()
    else a.end()
  }

  #ask(e: Exchange, headers: IncomingHttpHeaders, body: Buffer, near?: ServerResponse): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const onward = request({ ...far(this.#target()), method: e.method, path: e.path, headers: plain(headers), agent: false }, resolve)
      onward.on('error', reject)
      near?.on('close', () => onward.destroy())
      onward.write(body)
      // One that was cut short ends as a connection that broke.
      if (body.length < Number(headers['content-length'] ?? 0)) setImmediate(() => onward.destroy())
      else onward.end()
    })
  }

  async #repeat(e: Exchange, headers: IncomingHttpHeaders, body: Buffer): Promise<number> {
    const answer = await this.#ask(e, headers, body)
    answer.resume()
    return answer.statusCode ?? 0
  }

  async #sprung(side: Side, e: Exchange): Promise<boolean> {
    const at = this.#traps.findIndex((t) => t.side === side && t.is(e))
    const [trap] = at < 0 ? [] : this.#traps.splice(at, 1)
    if (!trap) return false
    await trap.spring()
    trap.sprung()
    return true
  }

  /** What turns into no exchange of HTTP, such as a WebSocket or a command in a container, is passed on byte by byte. */
  async #tunnel(q: IncomingMessage, near: Socket, head: Buffer): Promise<void> {
    const e: Exchange = { method: q.method ?? '', path: q.url ?? '', body: '', answer: '' }
    if (await this.#sprung('before it is passed on', e)) return void near.destroy()
    const onward = request({ ...far(this.#target()), method: e.method, path: e.path, headers: q.headers, agent: false })
    onward.on('error', () => near.destroy())
    near.on('close', () => onward.destroy())
    // What belongs to the request still, such as the words of the command.
    const more = (bytes: Buffer) => onward.write(bytes)
    onward.on('upgrade', (answered, socket, first) => {
      near.off('data', more)
      void this.#sprung('after it was answered', e).then((cut) => (cut ? near.destroy() : this.#join(near, socket, answered, first)))
    })
    onward.on('response', (answered) => {
      near.write(headOf(answered))
      answered.pipe(near)
    })
    onward.flushHeaders()
    if (head.length > 0) more(head)
    near.on('data', more)
  }

  #join(near: Socket, socket: Duplex, answered: IncomingMessage, first: Buffer): void {
    near.write(headOf(answered))
    near.write(first)
    near.pipe(socket).pipe(near)
    this.#tunnels.add(near)
    near.once('close', () => this.#tunnels.delete(near))
    socket.on('error', () => near.destroy())
    // Who died says nothing more; only a command may still answer somebody who has no more to say.
    const ends = this.#streams ? ['close'] : ['close', 'end']
    for (const end of ends) {
      near.on(end, () => socket.destroy())
      socket.on(end, () => near.destroy())
    }
  }
}

function headOf(answered: IncomingMessage): string {
  const lines = answered.rawHeaders.flatMap((h, i, all) => (i % 2 === 0 ? [`${h}: ${all[i + 1]}`] : []))
  return `HTTP/1.1 ${answered.statusCode} ${answered.statusMessage}\r\n${lines.join('\r\n')}\r\n\r\n`
}
