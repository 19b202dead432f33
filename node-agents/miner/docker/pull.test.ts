import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { PullProgress } from '../../core/ports.ts'
import { dockerDriver } from './driver.ts'
import type { PullRow } from './pull.ts'

/** The engine's side of a pull, over a real socket: what a registry does wrong shows up in many ways. */
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function engine(answer: RequestListener) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const server: Server = createServer(answer).listen(join(folder, 's'))
  await once(server, 'listening')
  closing.push(async () => {
    server.closeAllConnections()
    server.close()
    await rm(folder, { recursive: true })
  })
  return dockerDriver({ socket: join(folder, 's'), bindAddress: '127.0.0.1' })
}

/** Answers a pull with rows; afterwards the image is there or not. */
const rows =
  (lines: PullRow[], there = true): RequestListener =>
  (request, response) => {
    if (request.url?.startsWith('/images/create')) {
      const body = lines.map((line) => `${JSON.stringify(line)}\r\n`).join('')
      const half = Math.floor(body.length / 2)
      response.write(body.slice(0, half))
      return setImmediate(() => response.end(body.slice(half)))
    }
    response.writeHead(there ? 200 : 404, { 'content-type': 'application/json' })
    return response.end(JSON.stringify(there ? { Config: { Env: [] } } : { message: 'No such image' }))
  }

const pull = async (answer: RequestListener, signal = new AbortController().signal) => {
  const seen: PullProgress[] = []
  await (await engine(answer)).pull('example/image:1', (p) => seen.push(p), signal)
  return seen
}

const layer = (id: string, status: string, current?: number, total?: number): PullRow =>
  current === undefined ? { id, status } : { id, status, progressDetail: { current, ...(total !== undefined && { total }) } }

test('counts bytes over the wire and onto the disk; the total is known when every layer is', async () => {
  const seen = await pull(
    rows([
      { id: '1', status: 'Pulling from example/image' },
      layer('a', 'Pulling fs layer'),
      layer('b', 'Pulling fs layer'),
      layer('c', 'Already exists'),
      layer('a', 'Downloading', 50, 100),
      layer('b', 'Downloading', 10, 20),
      layer('b', 'Download complete'),
      layer('a', 'Verifying Checksum'),
      layer('a', 'Download complete'),
      layer('a', 'Extracting', 40, 100),
      layer('a', 'Pull complete'),
      layer('b', 'Pull complete'),
      { status: 'Status: Downloaded newer image' },
    ]),
  )
  expect(seen).toEqual([
    { current: 0, total: null },
    { current: 50, total: null },
    { current: 60, total: 240 },
    { current: 70, total: 240 },
    { current: 120, total: 240 },
    { current: 160, total: 240 },
    { current: 220, total: 240 },
    { current: 240, total: 240 },
  ])
})

test.each<[string, RequestListener, string, RegExp]>([
  [
    'an error before the first byte',
    (_, r) => r.writeHead(500).end(JSON.stringify({ message: 'dial tcp: connection refused' })),
    'pull_failed',
    /connection refused/,
  ],
  ['an unknown image', (_, r) => r.writeHead(404).end(JSON.stringify({ message: 'No such image: manifest unknown' })), 'pull_failed', /manifest unknown/],
  ['an error as a row', rows([layer('a', 'Pulling fs layer'), { error: 'toomanyrequests: slow down' }]), 'pull_failed', /slow down/],
  ['a full disk as a row', rows([{ error: 'failed to register layer: write /x: no space left on device' }]), 'disk_full', /no space/],
  ['a stream that ends early', rows([layer('a', 'Downloading', 5, 100)], false), 'pull_failed', /without the image/],
  ['an engine that dies in the middle', (_, r) => void r.write('{"status":"x"}\n', () => r.destroy()), 'away', /does not answer/],
])('%s', async (_, answer, code, message) => {
  await expect(pull(answer)).rejects.toMatchObject({ name: 'DriverError', code, message: expect.stringMatching(message) })
})

test.each<[string, RequestListener]>([
  ['before the first byte', () => undefined],
  ['in the middle', (_, response) => void response.write('{"status":"x"}\n')],
])('a stalled pull ends with its signal %s', async (_, silent) => {
  const stop = new AbortController()
  const answer: RequestListener = (request, response) => {
    silent(request, response)
    setImmediate(() => stop.abort(new Error('no progress for 60 s')))
  }
  await expect(pull(answer, stop.signal)).rejects.toMatchObject({ code: 'pull_failed', message: 'given up: no progress for 60 s' })
})

test('an engine that never answers does not hold a caller with a signal', async () => {
  const stop = new AbortController()
  const silent = await engine(() => stop.abort(new Error('enough')))
  await expect(silent.list({ edge: 'e', hotkey: 'h', install: 'i' }, stop.signal)).rejects.toMatchObject({ message: 'given up: enough' })
})
