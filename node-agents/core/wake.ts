import { WebSocket } from 'ws'
import { Backoff } from './backoff.ts'
import { rest } from './clock.ts'
import { ControlError, type EdgeClock, toControlError } from './control.ts'
import type { Log } from './log.ts'
import { reason } from './mistake.ts'
import type { Clock } from './ports.ts'
import type { Signer } from './signer.ts'

const PATH = '/agent/wake'
const PING_MS = 30_000
const PONG_MS = 15_000
const OPEN_MS = 20_000
const REPLACED = 4001
const REPLACED_PAUSE_MS = 60_000
/** A socket that lived shorter did not work, whatever opened it. */
const LASTED_MS = 10_000
const MAX_PROBLEM_BYTES = 65_536

export type WakeOptions = {
  base: string
  receiver: () => string
  /** Who listens; see `State.install`. */
  install: string
  signer: Signer
  time: EdgeClock
  clock: Clock
  /** Spread of reconnects after the edge dropped us, so that a deploy is not followed by a stampede. */
  reconnectJitterMs: number
  onGo: () => void
  onUp: () => void
  onDown: () => void
  log: Log
}

type End = { code: number; opened: boolean; livedMs: number; error: ControlError | null }

/** Keeps one socket to the edge, which only ever says "go". Runs until the signal fires. */
export async function wakeLoop(o: WakeOptions, signal: AbortSignal): Promise<void> {
  const pauseAfter = pacer(o)
  while (!signal.aborted) {
    const end = await oneSocket(o, signal)
    if (signal.aborted) return
    const pause = pauseAfter(end)
    o.log.info({ code: end.code, reason: end.error?.message, retry_ms: Math.round(pause) }, end.opened ? 'wake socket closed' : 'wake socket refused')
    await rest(o.clock, pause, signal)
  }
}

/** How long to wait after each socket (ms). A wrong clock is corrected without a wait once per streak of failures. */
function pacer(o: WakeOptions): (end: End) => number {
  const backoff = new Backoff(1000, 60_000)
  let corrected = false
  return (end) => {
    const lasted = end.livedMs >= LASTED_MS
    if (lasted) {
      backoff.reset()
      corrected = false
    }
    if (end.code === REPLACED) {
      o.log.warn('another agent of this hotkey took over the wake socket: two agents must never share a hotkey')
      return REPLACED_PAUSE_MS + Math.random() * o.reconnectJitterMs
    }
    if (lasted) return Math.random() * o.reconnectJitterMs
    if (!corrected && end.error && o.time.learn(end.error)) {
      corrected = true
      return 0
    }
    return backoff.next()
  }
}

function open(o: WakeOptions): WebSocket {
  const url = new URL(`${PATH}?install=${o.install}`, o.base)
  const headers = o.signer.headers({ method: 'GET', target: url.pathname + url.search, body: new Uint8Array(), receiver: o.receiver() }, o.time.nowMs())
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new WebSocket(url, { headers, handshakeTimeout: OPEN_MS, maxPayload: 4096, followRedirects: false, perMessageDeflate: false })
}

/** One socket from dial to end. Never rejects: every way it can end is in the result. */
function oneSocket(o: WakeOptions, signal: AbortSignal): Promise<End> {
  const socket = open(o)
  const end: End = { code: 1006, opened: false, livedMs: 0, error: null }
  let openedAt = 0
  const heart = heartbeat(socket, o.log)
  const onAbort = () => socket.terminate()
  signal.addEventListener('abort', onAbort, { once: true })
  return new Promise((resolve) => {
    socket.on('open', () => {
      end.opened = true
      openedAt = o.clock.monotonicMs()
      heart.start()
      o.onUp()
    })
    socket.on('message', (data: Buffer) => {
      const text = data.toString('utf8')
      if (text === 'pong') heart.pong()
      else if (text === 'go') o.onGo()
      else o.log.debug('an unknown word on the wake socket was ignored')
    })
    socket.on('unexpected-response', (request, response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size <= MAX_PROBLEM_BYTES) chunks.push(chunk)
      })
      response.on('close', () => {
        end.error = toControlError(response.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))
        request.destroy()
        socket.terminate()
      })
    })
    socket.on('error', (error) => (end.error ??= new ControlError('network', reason(error), true, null, error)))
    socket.on('close', (code) => {
      heart.stop()
      signal.removeEventListener('abort', onAbort)
      if (end.opened) {
        end.livedMs = o.clock.monotonicMs() - openedAt
        o.onDown()
      }
      resolve({ ...end, code })
    })
    if (signal.aborted) onAbort()
  })
}

/** "ping" every 30 s; no "pong" within 15 s means the line is dead though nobody said so. */
function heartbeat(socket: WebSocket, log: Log) {
  let ping: NodeJS.Timeout | undefined
  let late: NodeJS.Timeout | undefined
  const beat = () => {
    socket.send('ping')
    late ??= setTimeout(() => {
      log.warn('the wake socket does not answer pings')
      socket.terminate()
    }, PONG_MS)
  }
  const pong = () => {
    clearTimeout(late)
    late = undefined
  }
  return {
    start: () => (ping = setInterval(beat, PING_MS)),
    pong,
    stop: () => {
      clearInterval(ping)
      pong()
    },
  }
}
