import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hc } from 'hono/client'
import { problemBody, type ProblemBody } from '../../schema/index.ts'
import type { App } from '../../edge/app.ts'
import { reason } from '../core/mistake.ts'
import type { Credentials } from './credentials.ts'

export type Api = ReturnType<typeof connect>

/** The edge said no, in its own words. */
export class Refused extends Error {
  readonly problem: ProblemBody
  constructor(problem: ProblemBody) {
    super(problem.detail ?? problem.title)
    this.name = 'Refused'
    this.problem = problem
  }
}

/** Something went wrong that is nobody's usage mistake: shown without a stack, ends the process with code 1. */
export class Failure extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Failure'
  }
}

/** No answer that the edge could have given: its fate is unknown. */
class Unanswered extends Failure {}

/** Longer than the longest wait a command asks for in one request. */
const ANSWER_MS = 60_000
const PAUSES_MS = [500, 1500, 4000]
/** A rate limit further away than this is for the user to wait for. */
const PATIENCE_MS = 15_000

/** The edge's API, typed by its routes. Every answer but a success is thrown, after the retries that are safe. */
export function connect({ url, key }: Credentials) {
  return hc<App>(url, { headers: { authorization: `Bearer ${key}` }, fetch: patiently })
}

export type Answer<B> = { status: number; body: B }

/** Reads a successful answer; its type is the route's. */
export async function answer<R extends { status: number; json(): Promise<unknown> }>(call: Promise<R>): Promise<Answer<Awaited<ReturnType<R['json']>>>> {
  const response = await call
  return { status: response.status, body: (await response.json()) as Awaited<ReturnType<R['json']>> }
}

export function newIdempotencyKey(): string {
  return `cli-${randomUUID()}`
}

/** For a POST that changes nothing more when it is sent twice, such as an act on a rental. */
export const REPEATABLE = { fetch: (input: string | URL | Request, init?: RequestInit) => patiently(input, init, true) }

/** Tries again while that can change something and can do no harm. Throws `Refused` or `Failure`. */
async function patiently(input: string | URL | Request, init?: RequestInit, again = repeatable(init)): Promise<Response> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await once(input, init)
    } catch (error) {
      const waitMs = retryIn(error, again, pauseMs)
      if (waitMs === null) throw error
      await sleep(waitMs)
    }
  }
  return once(input, init)
}

/** A POST may be sent twice only when the edge can tell that it is the same one. */
function repeatable(init?: RequestInit): boolean {
  return init?.method !== 'POST' || new Headers(init.headers).has('idempotency-key')
}

/** Milliseconds to wait before another try, or null when there should be none. A rate limit did nothing yet, so it may always be repeated. */
export function retryIn(error: unknown, repeatable: boolean, pauseMs: number): number | null {
  if (error instanceof Unanswered) return repeatable ? pauseMs : null
  // Free GPUs do not turn up within seconds: who asks wants to know now.
  if (!(error instanceof Refused) || !error.problem.retryable || error.problem.code === 'no_capacity') return null
  if (error.problem.code !== 'rate_limited') return repeatable ? pauseMs : null
  const waitMs = Math.max(pauseMs, (error.problem.retry_after_s ?? 0) * 1000)
  return waitMs <= PATIENCE_MS ? waitMs : null
}

async function once(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const response = await send(input, init)
  if (response.ok) return response
  throw refusal(response, await response.text())
}

async function send(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(input, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) })
  } catch (error) {
    throw unanswered(input instanceof Request ? input.url : input, error)
  }
}

/** What a request that failed on the way says. */
export function unanswered(url: string | URL, error: unknown): Failure {
  const { origin } = new URL(url)
  const cause = error instanceof Error ? (error.cause ?? error) : error
  return new Unanswered(`the edge at ${origin} does not answer: ${describe(cause)}. Is the address right (COMPUTE_URL, compute login), is it running?`, error)
}

/** Node's connection errors over several addresses have an empty message. */
function describe(cause: unknown): string {
  return cause instanceof AggregateError ? cause.errors.map(reason).join(', ') : reason(cause)
}

/** What an answer that is no success says: `Refused` in the edge's words, or a `Failure`. */
export function refusal(response: Response, text: string): Error {
  const { origin } = new URL(response.url)
  const unknown = (cause: unknown) => {
    const message = `${origin} answered HTTP ${response.status} and not as an edge does. Is the address right?`
    return response.status >= 500 ? new Unanswered(message, cause) : new Failure(message, cause)
  }
  try {
    const problem = problemBody.safeParse(JSON.parse(text))
    return problem.success ? new Refused(problem.data) : unknown(problem.error)
  } catch (cause) {
    return unknown(cause)
  }
}
