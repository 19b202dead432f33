import {
  type MarkProof,
  type OpenProof,
  type Penalties,
  problemBody,
  type ProblemCode,
  proofState,
  published,
  registered,
  type Registration,
  type Report,
  type Scores,
  type Snapshot,
  snapshotTaken,
  syncReply,
  takenOver,
  type Takeover,
  validatorState,
} from '../../schema/index.ts'
import * as z from 'zod'
import { reason } from './mistake.ts'
import type { Clock, Control } from './ports.ts'
import type { Signer } from './signer.ts'

const TIMEOUT_MS = 20_000
const MAX_OFFSET_MS = 24 * 3600_000
const EMPTY = new Uint8Array()
/** Above the largest wish the edge sends; nobody may fill our memory. */
const MAX_REPLY_MB = 9

export type ControlCode = ProblemCode | 'network' | 'timeout' | 'bad_reply'

/** Why the edge did not do what was asked. `retryable`: the same request may work later. */
export class ControlError extends Error {
  readonly code: ControlCode
  readonly retryable: boolean
  readonly serverTimeMs: number | null
  /** When the edge says that it may work; null: it did not say. */
  retryAfterS: number | null = null
  constructor(code: ControlCode, message: string, retryable: boolean, serverTimeMs: number | null = null, cause?: unknown) {
    super(message, { cause })
    this.name = 'ControlError'
    this.code = code
    this.retryable = retryable
    this.serverTimeMs = serverTimeMs
  }
}

/** Reads an error answer. Anything but a problem of our list, such as a proxy's page, is only known by its status. */
export function toControlError(status: number, text: string): ControlError {
  let json: unknown = null
  try {
    json = JSON.parse(text)
  } catch (cause) {
    return new ControlError('bad_reply', `HTTP ${status} and no problem document`, status >= 500 || status === 429, null, cause)
  }
  const problem = problemBody.safeParse(json)
  if (!problem.success) return new ControlError('bad_reply', `HTTP ${status} and an unknown document`, status >= 500 || status === 429, null, problem.error)
  const { code, title, detail, retryable, server_time_ms, retry_after_s } = problem.data
  const error = new ControlError(code, detail ? `${title}: ${detail}` : title, retryable || status >= 500, server_time_ms ?? null)
  error.retryAfterS = retry_after_s ?? null
  return error
}

/** Difference between the edge's clock and ours, learned from refusals. */
export class EdgeClock {
  readonly #clock: Clock
  offsetMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  nowMs(): number {
    return this.#clock.wallMs() + this.offsetMs
  }

  /** Takes over the edge's time from a `stale` refusal. False when there is nothing usable in it. */
  learn(error: ControlError): boolean {
    if (error.code !== 'stale' || error.serverTimeMs === null) return false
    const offset = error.serverTimeMs - this.#clock.wallMs()
    if (Math.abs(offset) > MAX_OFFSET_MS) return false
    this.offsetMs = offset
    return true
  }
}

type Call = { method: 'GET' | 'POST' | 'PATCH'; path: string; body?: unknown; signed: boolean }

/** A message that was cut in the middle of a character would be refused, and the whole report with it. */
const wellFormed = (_: string, value: unknown) => (typeof value === 'string' ? value.toWellFormed() : value)

/** The edge over HTTP. `edge()` gives its ss58 address once known; signed calls need it. */
export class HttpControl implements Control {
  readonly #base: string
  readonly #signer: Signer
  readonly #receiver: () => string
  readonly time: EdgeClock

  constructor(base: string, signer: Signer, receiver: () => string, time: EdgeClock) {
    this.#base = base
    this.#signer = signer
    this.#receiver = receiver
    this.time = time
  }

  async identity(signal: AbortSignal): Promise<string> {
    return (await this.#call({ method: 'GET', path: '/agent/identity', signed: false }, z.object({ jws: z.string().max(16_384) }), signal)).jws
  }

  register(body: Registration, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/agent/register', body, signed: true }, registered, signal)
  }

  async sync(body: Report, signal: AbortSignal): Promise<string> {
    return (await this.#call({ method: 'POST', path: '/agent/sync', body, signed: true }, syncReply, signal)).wish
  }

  snapshot(body: Snapshot, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/validator/metagraph', body, signed: true }, snapshotTaken, signal)
  }

  state(signal: AbortSignal) {
    return this.#call({ method: 'GET', path: '/validator/state', signed: true }, validatorState, signal)
  }

  publishScores(body: Scores, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/validator/scores', body, signed: true }, published, signal)
  }

  publishPenalties(body: Penalties, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/validator/penalties', body, signed: true }, published, signal)
  }

  openProof(body: OpenProof, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/validator/proofs', body, signed: true }, proofState, signal)
  }

  proof(id: string, waitS: number, signal: AbortSignal) {
    return this.#call({ method: 'GET', path: `/validator/proofs/${id}?wait=${Math.trunc(waitS)}`, signed: true }, proofState, signal)
  }

  markProof(id: string, body: MarkProof, signal: AbortSignal) {
    return this.#call({ method: 'PATCH', path: `/validator/proofs/${id}`, body, signed: true }, proofState, signal)
  }

  /** Binds this hotkey to another install. `from` must speak for it now; with `install` itself as `from` nothing changes. */
  takeover(body: Takeover, signal: AbortSignal) {
    return this.#call({ method: 'POST', path: '/agent/takeover', body, signed: true }, takenOver, signal)
  }

  /** A wrong clock is corrected and a used nonce replaced, once each; everything else is the caller's to judge. */
  async #call<T extends z.ZodType>(call: Call, shape: T, signal: AbortSignal): Promise<z.output<T>> {
    try {
      return await this.#once(call, shape, signal)
    } catch (error) {
      if (!(error instanceof ControlError) || !(error.code === 'replayed' || this.time.learn(error))) throw error
      return await this.#once(call, shape, signal)
    }
  }

  async #once<T extends z.ZodType>({ method, path, body, signed }: Call, shape: T, signal: AbortSignal): Promise<z.output<T>> {
    const url = new URL(path, this.#base)
    const bytes = body === undefined ? EMPTY : new TextEncoder().encode(JSON.stringify(body, wellFormed))
    const target = url.pathname + url.search
    const auth = signed ? this.#signer.headers({ method, target, body: bytes, receiver: this.#receiver() }, this.time.nowMs()) : {}
    const { status, text } = await send(url, {
      method,
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': 'application/json' }), ...auth },
      ...(body !== undefined && { body: bytes }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      redirect: 'error',
    })
    if (status < 200 || status > 299) throw toControlError(status, text)
    return readReply(path, text, shape)
  }
}

/** The body as text. Rejects with a ControlError when there is too much of it; the rest is then not read. */
async function textOf(response: Response, url: URL): Promise<string> {
  const decoder = new TextDecoder()
  let [size, text] = [0, '']
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_REPLY_MB * 2 ** 20) throw new ControlError('bad_reply', `${url.host} answered ${url.pathname} with more than ${MAX_REPLY_MB} MB`, true)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

async function send(url: URL, init: RequestInit): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(url, init)
    return { status: response.status, text: await textOf(response, url) }
  } catch (error) {
    if (error instanceof ControlError || (error instanceof Error && error.name === 'AbortError')) throw error
    if (error instanceof Error && error.name === 'TimeoutError')
      throw new ControlError('timeout', `${url.host} did not answer within ${TIMEOUT_MS / 1000} s`, true, null, error)
    const cause = error instanceof Error ? (error.cause ?? error) : error
    throw new ControlError('network', `${url.host} cannot be reached: ${reason(cause)}`, true, null, error)
  }
}

function readReply<T extends z.ZodType>(path: string, text: string, shape: T): z.output<T> {
  try {
    return shape.parse(JSON.parse(text))
  } catch (error) {
    throw new ControlError('bad_reply', `${path} answered something this agent does not understand`, true, null, error)
  }
}
