import { WebSocket } from 'ws'
import { reason } from '../mistake.ts'
import { ChainError, refused, type RpcFailure } from './errors.ts'
import type { Reader } from './plain.ts'
import type { Plain } from './wire.ts'

/** Answers grow with the subnet: the metagraph of 4,096 uids is about 2 MB of hex. */
const MAX_ANSWER_BYTES = 64 << 20
/** Notifications kept that came before the answer which names their subscription. */
const MAX_EARLY = 64

type Waiting = { done(result: unknown): void; fail(error: ChainError): void; refuse(failure: RpcFailure): void; timer: NodeJS.Timeout }
type Message = { id?: number; result?: unknown; error?: RpcFailure; params?: { subscription?: unknown; result?: unknown } }

export type RpcOptions = { connectMs: number; callMs: number }

/** JSON-RPC over one WebSocket that is never opened again: when it dies, everything on it fails with the reason, at once. */
export class Rpc {
  /** As it may be shown. */
  readonly name: string
  /** Resolves with why, when it is over. */
  readonly closed: Promise<ChainError>
  readonly #socket: WebSocket
  readonly #callMs: number
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Map<string, (result: unknown) => void>()
  #early: [subscription: string, result: unknown][] = []
  #next = 1
  #end: ChainError | null = null
  readonly #tellClosed: (error: ChainError) => void

  private constructor(url: string, socket: WebSocket, callMs: number) {
    this.name = shown(url)
    this.#socket = socket
    this.#callMs = callMs
    const { promise, resolve } = Promise.withResolvers<ChainError>()
    this.closed = promise
    this.#tellClosed = resolve
    socket.on('message', (data: Buffer) => this.#hear(data.toString('utf8')))
    socket.on('error', (error) => this.close(lost(url, reason(error), error)))
    socket.on('close', (code) => this.close(lost(url, `it closed the connection (${code})`)))
  }

  /** Rejects `ConnectionLost` when it is not open in time; with an AbortError when told to stop. */
  static open(url: string, o: RpcOptions, signal: AbortSignal): Promise<Rpc> {
    signal.throwIfAborted()
    const socket = new WebSocket(url, { handshakeTimeout: o.connectMs, maxPayload: MAX_ANSWER_BYTES, perMessageDeflate: false, followRedirects: false })
    return new Promise((resolve, reject) => {
      const onAbort = () => give(signal.reason as Error)
      // Host names resolve before the handshake starts its own clock.
      const timer = setTimeout(() => give(lost(url, `no connection within ${o.connectMs / 1000} s`)), o.connectMs)
      const settle = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        socket.removeAllListeners()
      }
      const give = (error: Error) => {
        settle()
        // A socket ended before it was open says so once more.
        socket.on('error', () => undefined)
        socket.terminate()
        reject(error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      socket.on('error', (error) => give(lost(url, reason(error), error)))
      socket.on('close', (code) => give(lost(url, `it closed the connection (${code})`)))
      socket.on('open', () => {
        settle()
        resolve(new Rpc(url, socket, o.callMs))
      })
    })
  }

  /** Answer of a method. Rejects with a ChainError: what the node refused, `Timeout`, or `ConnectionLost`. */
  call(method: string, params: unknown[] = [], withinMs: number = this.#callMs): Promise<unknown> {
    if (this.#end) return Promise.reject(this.#end)
    const id = this.#next++
    return new Promise((done, fail) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id)
        const text = `${this.name} did not answer ${method} within ${withinMs / 1000} s. It is asked again by itself; give more endpoints if this stays`
        fail(new ChainError('Timeout', 'connection', text, true))
      }, withinMs)
      this.#waiting.set(id, { done, fail, refuse: (failure) => fail(refused(method, failure)), timer })
      this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    })
  }

  /** The same, once it is what it should be. Rejects also with `Unexpected`. */
  async ask<T>(method: string, params: unknown[], of: Reader<T>): Promise<T> {
    return of((await this.call(method, params)) as Plain, `the answer to ${method}`)
  }

  /** Hears notifications until the function it resolves with is called, or the connection ends. */
  async subscribe(method: string, params: unknown[], unsubscribe: string, heard: (result: unknown) => void): Promise<() => void> {
    const id = String(await this.call(method, params))
    this.#listeners.set(id, heard)
    const early = this.#early.filter(([subscription]) => subscription === id)
    this.#early = this.#early.filter(([subscription]) => subscription !== id)
    for (const [, result] of early) heard(result)
    return () => {
      if (!this.#listeners.delete(id) || this.#end) return
      // Nobody waits for the answer; if it does not come, the pulse notices.
      this.call(unsubscribe, [id]).catch(() => undefined)
    }
  }

  /** Ends it; everything that waits fails with the error. */
  close(error: ChainError): void {
    if (this.#end) return
    this.#end = error
    for (const { fail, timer } of this.#waiting.values()) {
      clearTimeout(timer)
      fail(error)
    }
    this.#waiting.clear()
    this.#listeners.clear()
    this.#socket.terminate()
    this.#tellClosed(error)
  }

  /** Whatever it is: what cannot be made sense of ends the connection, not the process. */
  #hear(text: string): void {
    try {
      this.#message(JSON.parse(text) as Message)
    } catch (error) {
      this.close(error instanceof ChainError ? error : lost(this.name, `it sent something that makes no sense (${reason(error)})`, error))
    }
  }

  #message(message: Message): void {
    if (message.params?.subscription !== undefined) return this.#notification(String(message.params.subscription), message.params.result)
    const waiting = this.#waiting.get(Number(message.id))
    if (!waiting) return
    this.#waiting.delete(Number(message.id))
    clearTimeout(waiting.timer)
    if (message.error) waiting.refuse(message.error)
    else waiting.done(message.result)
  }

  #notification(subscription: string, result: unknown): void {
    const heard = this.#listeners.get(subscription)
    if (heard) heard(result)
    else if (this.#early.push([subscription, result]) > MAX_EARLY) this.#early.shift()
  }
}

/** A URL without what may be a key in its path, query or user part. */
export function shown(url: string): string {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

/** Whether what this endpoint says can be changed on the way: it is not encrypted, and not in a network of one's own. */
export function isOpen(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return protocol === 'ws:' && !/^(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|\[(::1|f[cd])|[^.:]+$)/.test(hostname)
}

/** The line to this endpoint is gone, or never was. */
export function lost(url: string, why: string, cause?: unknown): ChainError {
  return new ChainError('ConnectionLost', 'connection', `${shown(url)}: ${why}. Another endpoint is tried by itself`, true, cause)
}
