import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { connect } from './client.ts'
import { dockerDriver } from './driver.ts'

/** What goes over the engine's socket, seen from the engine's side. */
const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function engine(answer: RequestListener) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'))
  const open = new Set<Socket>()
  const server = createServer(answer).listen(join(folder, 's'))
  server.on('connection', (socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await once(server, 'listening')
  closing.push(async () => {
    for (const socket of open) socket.destroy()
    server.close()
    await rm(folder, { recursive: true })
  })
  return { socket: join(folder, 's'), open }
}

type Act = (client: ReturnType<typeof connect>, signal: AbortSignal) => Promise<unknown>

test.each<[string, Act]>([
  ['info', (client, signal) => client.info(signal)],
  ['image', (client, signal) => client.image('any:1', signal)],
  ['exec', (client, signal) => client.exec('a1', ['true'], [], signal)],
])('%s given up while the engine hangs leaves no connection open', async (_, act) => {
  let asked = ''
  const { socket, open } = await engine((request, response) => {
    if (request.url?.endsWith('/exec')) return response.writeHead(201, { connection: 'close' }).end('{"Id":"e1"}')
    return (asked = request.url ?? '')
  })
  const stop = new AbortController()
  const given = expect(act(connect(socket), stop.signal)).rejects.toMatchObject({ name: 'DriverError', message: expect.stringMatching(/given up/) })
  await until('it asks', () => asked)
  stop.abort()
  await given
  await until('its connection is closed', () => open.size === 0, 2000)
})

test('is called back when a container has stopped, which is later than when its process died', async () => {
  const has = (request: IncomingMessage, event: string) => decodeURIComponent(request.url ?? '').includes(`"${event}"`)
  const { socket } = await engine((request, response) => void (has(request, 'stop') ? response.write('{"Action":"stop"}\n') : response.flushHeaders()))
  const stop = new AbortController()
  let calls = 0
  const watching = dockerDriver({ socket, bindAddress: '127.0.0.1' }).watch({ edge: 'e', hotkey: 'h', install: 'i' }, () => calls++, stop.signal)
  await until('the event, after the first look', () => calls === 2, 3000)
  stop.abort()
  await watching
})
