import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeHotkey, makeId, Problem, PROTOCOL } from '../../schema/index.ts'
import { FakeEdge } from '../../test/support/fake-edge.ts'
import { realClock } from './clock.ts'
import { EdgeClock, HttpControl } from './control.ts'
import { hotkeyFromSeed } from './hotkey.ts'
import { makeSigner } from './signer.ts'

const never = new AbortController().signal
const address = encodeHotkey(randomBytes(32))
const signer = makeSigner(hotkeyFromSeed(randomBytes(32)))
const body = { protocol: 1, version: '1', role: 'miner' as const, install: makeId('in', 0, randomBytes(10)) }
const to = (url: string, time = new EdgeClock(realClock)) => new HttpControl(url, signer, () => address, time)

let edge: FakeEdge
let server: Server | null
beforeEach(async () => {
  server = null
  edge = await new FakeEdge(address).start()
})
afterEach(async () => {
  await edge.stop()
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(null)))
})

/** A server that answers everything alike. */
async function answering(status: number, text: string): Promise<string> {
  server = createServer((_, response) => response.writeHead(status, { connection: 'close', location: edge.url }).end(text))
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('the edge over HTTP', () => {
  it('takes signed requests', async () => {
    expect(await to(edge.url).register(body, never)).toMatchObject({ protocol: PROTOCOL, epoch: 1 })
  })

  it('corrects a wrong clock once, up to a day', async () => {
    const time = new EdgeClock(realClock)
    edge.skewMs = -23 * 3600_000
    await to(edge.url, time).register(body, never)
    expect(edge.refused).toEqual(['stale'])
    await to(edge.url, time).register(body, never)
    expect(edge.refused, 'and remembers').toEqual(['stale'])
    edge.skewMs = 25 * 3600_000
    await expect(to(edge.url).register(body, never)).rejects.toMatchObject({ code: 'stale' })
  })

  it('sends a used nonce again with another, once', async () => {
    let times = 0
    edge.fault = () => {
      times++
      throw new Problem('replayed')
    }
    await expect(to(edge.url).register(body, never)).rejects.toMatchObject({ code: 'replayed', retryable: true })
    expect(times).toBe(2)
  })

  it.each([
    ['not_admitted', false],
    ['agent_conflict', false],
    ['out_of_order', true],
    ['database_unavailable', true],
    ['internal', true],
  ] as const)('names %s (worth another try: %s)', async (code, retryable) => {
    edge.fault = () => {
      throw new Problem(code, 'because')
    }
    await expect(to(edge.url).register(body, never)).rejects.toMatchObject({
      name: 'ControlError',
      code,
      retryable,
      message: expect.stringContaining('because'),
    })
  })

  it.each([
    [502, '<html>bad gateway</html>', 'bad_reply', true],
    [404, 'nothing here', 'bad_reply', false],
    [400, '{"code":"brand_new"}', 'bad_reply', false],
    [200, '{"protocol":"x"}', 'bad_reply', true],
    [200, 'hello', 'bad_reply', true],
    [302, '', 'network', true],
  ])('HTTP %i %j is %s', async (status, text, code, retryable) => {
    await expect(to(await answering(status, text)).register(body, never)).rejects.toMatchObject({ code, retryable })
  })

  it('does not read an answer without end', async () => {
    let sent = 0
    server = createServer((_, response) => {
      const more = () => void (response.destroyed || response.write('x'.repeat(2 ** 20), () => more()), sent++)
      more()
    })
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    await expect(to(url).register(body, never)).rejects.toMatchObject({
      name: 'ControlError',
      code: 'bad_reply',
      message: expect.stringMatching(/more than 9 MB/),
    })
    expect(sent).toBeLessThan(50)
  })

  it('says when nobody is there, and ends when told to', async () => {
    await edge.stop()
    await expect(to(edge.url).register(body, never)).rejects.toMatchObject({
      code: 'network',
      retryable: true,
      message: expect.stringContaining('ECONNREFUSED'),
    })
    await edge.start()
    await expect(to(edge.url).register(body, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
  })
})
