import { setTimeout as sleep } from 'node:timers/promises'
import type { EventView } from '../../schema/index.ts'
import { Failure, Refused, refusal, unanswered } from './client.ts'
import type { Credentials } from './credentials.ts'

/** A stream that says nothing for so long, not even that it lives, is dead: three of the edge's signs of life. */
const SILENCE_MS = 45_000
const PAUSE_MS = { least: 1_000, most: 30_000 } as const

/** One message of an event stream, as far as a reader of ours needs it. */
export type Message = { id: string | null; data: string | null }

/** Takes a stream's text apart into messages, however it is cut into pieces. Comments are left out. */
export async function* messages(pieces: AsyncIterable<string>): AsyncGenerator<Message> {
  let rest = ''
  for await (const piece of pieces) {
    const blocks = (rest + piece).split(/\r?\n\r?\n/)
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const message = parse(block)
      if (message.id !== null || message.data !== null) yield message
    }
  }
}

function parse(block: string): Message {
  const lines = block.split(/\r?\n/)
  const values = (name: string) => lines.filter((l) => l.startsWith(`${name}:`)).map((l) => l.slice(name.length + 1).replace(/^ /, ''))
  const data = values('data')
  return { id: values('id').at(-1) ?? null, data: data.length > 0 ? data.join('\n') : null }
}

export type Followed = { allocation: string | null; after: number | null; lost(why: string): void }

/**
 * Events as they happen, each once. A dropped line is taken up again where it broke, for as long as it takes; `lost` hears of it.
 * Throws `Refused` when the edge says no, and `Failure` when it never answered at all.
 */
export async function* followEvents(credentials: Credentials, { allocation, after, lost }: Followed): AsyncGenerator<EventView> {
  let last = after === null ? null : String(after)
  let known = false
  for (let pauseMs: number = PAUSE_MS.least; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.most)) {
    try {
      for await (const { id, data } of messages(connected(credentials, allocation, last))) {
        known = true
        pauseMs = PAUSE_MS.least
        last = id ?? last
        if (data !== null) yield JSON.parse(data) as EventView
      }
    } catch (error) {
      if (!known || !(error instanceof Failure || (error instanceof Refused && error.problem.retryable))) throw error
      lost(error.message)
    }
    await sleep(pauseMs)
  }
}

async function* connected({ url, key }: Credentials, allocation: string | null, after: string | null): AsyncGenerator<string> {
  const target = new URL(`${url}/v1/events`)
  if (allocation !== null) target.searchParams.set('allocation', allocation)
  if (after !== null) target.searchParams.set('after', after)
  const abort = new AbortController()
  const watchdog = setTimeout(() => abort.abort(new Error(`silent for ${SILENCE_MS / 1000} s`)), SILENCE_MS)
  try {
    const response = await fetch(target, { headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream' }, redirect: 'error', signal: abort.signal })
    if (!response.ok) throw refusal(response, await response.text())
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      watchdog.refresh()
      yield piece
    }
  } catch (error) {
    throw error instanceof Refused || error instanceof Failure ? error : unanswered(url, error)
  } finally {
    clearTimeout(watchdog)
    abort.abort()
  }
}
