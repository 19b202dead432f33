import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { ProtocolError } from './errors.ts'
import { pipeline } from './hrana.ts'
import { type Stats, Streams } from './streams.ts'

/** Longest pipeline taken, in bytes. */
const BODY_LIMIT = 32 * 1024 * 1024

/** An HTTP status to answer instead of the truth. `after`: the pipeline ran, and only its answer is lost. */
export type Fault = { status: number; after?: boolean }

export type DatabaseOptions = {
  file: string
  /** 0 or absent: any free port. */
  port?: number
  /** Bearer token that every request must carry. */
  token?: string
  /** Asked for every pipeline, counted from 1: a way for tests to make the server fail as Turso does (429, 502). */
  fault?: (n: number) => Fault | undefined
}

export type Database = { url: string; stats: Readonly<Stats>; close(): Promise<void> }

/**
 * Serves a SQLite file over Hrana 2 (HTTP, JSON) on 127.0.0.1: the protocol that Turso speaks to the Worker.
 * Rejects when the file cannot be used or the port is taken.
 */
export async function startDatabase(options: DatabaseOptions): Promise<Database> {
  const stats: Stats = { requests: 0, waits: 0, timeouts: 0, expired: 0 }
  const streams = new Streams(options.file, stats)
  const running = new Set<Promise<void>>()
  const server = createServer({ keepAliveTimeout: 60_000 }, (req, res) => {
    const answered = respond(req, res, streams, options, stats).finally(() => running.delete(answered))
    running.add(answered)
  })
  try {
    server.listen(options.port ?? 0, '127.0.0.1')
    await once(server, 'listening')
  } catch (error) {
    streams.close()
    throw error
  }
  const address = server.address()
  if (address === null || typeof address === 'string') throw new TypeError('the server has no port')

  async function close() {
    const closed = once(server, 'close')
    server.close()
    streams.drain()
    await Promise.all(running)
    server.closeAllConnections()
    await closed
    streams.close()
  }
  return { url: `http://127.0.0.1:${address.port}`, stats, close }
}

async function respond(req: IncomingMessage, res: ServerResponse, streams: Streams, options: DatabaseOptions, stats: Stats): Promise<void> {
  try {
    if (req.method === 'GET' && /^\/(?:v2|health)\/?$/.test(req.url ?? '')) return send(res, 200, '')
    if (options.token && !carries(req, options.token)) return send(res, 401, { error: 'Unauthorized: the token is missing or wrong' })
    if (req.method !== 'POST' || req.url !== '/v2/pipeline') return send(res, 404, 'only POST /v2/pipeline is served')
    const body = await read(req)
    stats.requests += 1
    const fault = options.fault?.(stats.requests)
    if (fault && !fault.after) return send(res, fault.status, 'a fault made on purpose')
    const answer = await runPipeline(body, streams)
    return fault ? send(res, fault.status, 'a fault made on purpose') : send(res, 200, answer)
  } catch (error) {
    if (error instanceof ProtocolError) return send(res, error.status, error.message)
    if (!req.complete) return // the client hung up while it was still sending
    console.error('database: a request failed', error)
    return send(res, 500, 'internal error')
  }
}

async function runPipeline(text: string, streams: Streams) {
  const { baton, requests } = parse(text)
  const stream = streams.take(baton)
  try {
    const results = await stream.pipeline(requests)
    const keep = !stream.closed
    if (!keep) streams.end(stream)
    return { baton: keep ? streams.park(stream) : null, base_url: null, results }
  } catch (error) {
    streams.end(stream)
    throw error
  }
}

function parse(text: string) {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ProtocolError(`the body is not JSON: ${String(cause)}`)
  }
  const parsed = pipeline.safeParse(json)
  if (!parsed.success) throw new ProtocolError(`the body is not a Hrana 2 pipeline: ${parsed.error.message}`)
  return parsed.data
}

async function read(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of req) {
    const bytes: Buffer = chunk
    size += bytes.length
    if (size > BODY_LIMIT) throw new ProtocolError(`the body is longer than ${BODY_LIMIT} bytes`, 413)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString()
}

/** Compared by hash: equal lengths, and the same time whatever the guess. */
function carries(req: IncomingMessage, token: string): boolean {
  const digest = (s: string) => createHash('sha256').update(s).digest()
  return timingSafeEqual(digest(req.headers.authorization ?? ''), digest(`Bearer ${token}`))
}

function send(res: ServerResponse, status: number, body: unknown): void {
  const [type, text] = typeof body === 'string' ? ['text/plain', body] : ['application/json', JSON.stringify(body)]
  res.writeHead(status, { 'content-type': type }).end(text)
}
