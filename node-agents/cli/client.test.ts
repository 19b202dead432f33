import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Problem, type ProblemCode } from '../../schema/index.ts'
import { answer, connect, Failure, Refused, retryIn } from './client.ts'

let stop = async (): Promise<void> => {}
afterEach(() => stop())

type Turn = (request: IncomingMessage, response: ServerResponse) => void

/** A server that plays one turn after the other, the last one for ever. */
async function serve(...turns: [Turn, ...Turn[]]) {
  const seen: IncomingMessage[] = []
  const server = createServer((request, response) => {
    const turn = turns[Math.min(seen.length, turns.length - 1)]
    seen.push(request)
    request.resume().on('end', () => turn?.(request, response))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { seen, api: connect({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, key: 'k' }) }
}

const ok: Turn = (_, r) => r.end(JSON.stringify({ id: 'al_1' }))
const lost: Turn = (request) => request.socket.destroy()
const problem =
  (code: ProblemCode, retryAfter?: number): Turn =>
  (_, r) => {
    const p = new Problem(code, undefined, retryAfter === undefined ? {} : { retry_after_s: retryAfter })
    r.writeHead(p.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(p.body()))
  }

const rent = (api: ReturnType<typeof connect>, key?: string) =>
  answer(api.v1.allocations.$post({ json: { ssh_keys: [] }, header: key === undefined ? {} : { 'idempotency-key': key } }))

test('a lost answer is asked for again under the same idempotency key', async () => {
  const { seen, api } = await serve(lost, problem('database_unavailable'), ok)
  expect(await rent(api, 'once')).toEqual({ status: 200, body: { id: 'al_1' } })
  expect(seen.map((r) => r.headers['idempotency-key'])).toEqual(['once', 'once', 'once'])
  expect(seen[0]?.headers.authorization).toBe('Bearer k')
})

test('without such a key an unknown fate stays unknown: nothing is sent twice', async () => {
  const { seen, api } = await serve(lost, ok)
  await expect(rent(api)).rejects.toThrow(/does not answer/)
  expect(seen).toHaveLength(1)
})

test('a refusal that repeating cannot change is not repeated', async () => {
  const { seen, api } = await serve(problem('forbidden'), ok)
  await expect(answer(api.v1.miners.$get({ query: {} }))).rejects.toBeInstanceOf(Refused)
  expect(seen).toHaveLength(1)
})

test('an answer that no edge gives is a failure in words', async () => {
  const { api } = await serve((_, r) => r.writeHead(404).end('<html>'))
  const error: unknown = await answer(api.v1.miners.$get({ query: {} })).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(Failure)
  expect(String(error)).toMatch(/HTTP 404 and not as an edge does/)
})

test('a rate limit is waited for when it is near', () => {
  const limited = (seconds: number) => new Refused(new Problem('rate_limited', undefined, { retry_after_s: seconds }).body())
  expect(retryIn(limited(3), false, 500)).toBe(3000)
  expect(retryIn(limited(60), true, 500)).toBeNull()
})
