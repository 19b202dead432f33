import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Log } from './log.ts'
import { Mistake, reason } from './mistake.ts'

/**
 * What the operator of this host may ask of a running agent: by route, such as "GET /status", what is answered to the JSON that was
 * sent (undefined: none), at once or as a promise. A `Mistake` is the asker's.
 */
export type Routes = Record<string, (body: unknown) => unknown>

/** The kernel takes 107 bytes, and a name of our own is added while it is made. */
const MAX_PATH = 100
const MAX_BODY = 65_536
const SOCKET = 'control.sock'
/** Where the socket is when the state directory's own path is too long for one. */
const POINTER = 'control.path'
const FOLDER = 'compute-'

/** Where the agent of a state directory listens. */
export async function socketPath(state: string): Promise<string> {
  const own = join(state, SOCKET)
  if (fits(own)) return own
  return (await readFile(join(state, POINTER), 'utf8').catch(() => own)).trim()
}

const fits = (path: string) => Buffer.byteLength(path) + FOLDER.length <= MAX_PATH

/** A folder of this agent alone; what one that died left there is removed. */
async function elsewhere(state: string): Promise<string> {
  const pointer = join(state, POINTER)
  const old = dirname((await readFile(pointer, 'utf8').catch(() => '')).trim())
  if (basename(old).startsWith(FOLDER)) await rm(old, { recursive: true, force: true })
  const folder = await mkdtemp(join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), FOLDER))
  await writeFile(pointer, join(folder, SOCKET), { mode: 0o600 })
  return folder
}

/**
 * Opens the control socket: HTTP for whoever may read the state directory, and nobody else. The caller holds the lock of that
 * directory, so a socket that is there is a dead agent's, and is replaced.
 * @returns a function that closes it
 */
export async function openSocket(state: string, routes: Routes, log: Log): Promise<() => Promise<void>> {
  const folder = fits(join(state, SOCKET)) ? state : await elsewhere(state)
  const path = join(folder, SOCKET)
  const server = createServer((request, response) => void serve(routes, request, response, log))
  server.requestTimeout = 10_000
  await listen(server, path)
  return async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(folder === state ? path : folder, { recursive: true, force: true })
  }
}

/** Listens at a name nobody knows, until nobody else may connect. */
async function listen(server: Server, path: string): Promise<void> {
  const fresh = join(dirname(path), `.${randomUUID().slice(0, 8)}`)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(fresh, resolve)
  })
  await chmod(fresh, 0o600)
  await rename(fresh, path)
}

async function serve(routes: Routes, request: IncomingMessage, response: ServerResponse, log: Log): Promise<void> {
  const answer = (status: number, body: unknown) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  try {
    const name = `${request.method} ${request.url}`
    const route = Object.hasOwn(routes, name) ? routes[name] : undefined
    if (!route) return void answer(404, { detail: `nothing is at ${name}` })
    const text = await bodyOf(request)
    answer(200, await route(text === '' ? undefined : JSON.parse(text)))
  } catch (error) {
    if (error instanceof Mistake) return void answer(400, { detail: error.message })
    log.error({ err: error }, 'the control socket failed')
    if (!response.headersSent) answer(500, { detail: reason(error) })
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size > MAX_BODY) throw new Error(`more than ${MAX_BODY} bytes`)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}
