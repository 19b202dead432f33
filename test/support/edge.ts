import { makeKeys } from '../../local/edge/keys.ts'
import { type RunningEdge, startEdge } from '../../local/edge/start.ts'
import type { AllocationView, ProblemBody } from '../../schema/index.ts'
import { afterAll, beforeAll } from 'vitest'
import { HOST_KEY, IMAGE, WireMiner } from './agent.ts'
import { databases, type Running } from './database.ts'

export type Answer<T> = { status: number; headers: Headers; body: T }
export type Quota = { max_gpus?: number; max_allocations?: number; requests_per_minute?: number; allocations_per_minute?: number }

/** An edge in real workerd over a given database, and hands to use it. */
export type TestEdge = {
  url: string
  address: string
  adminKey: string
  fingerprint: string
  logs: string[]
  running: RunningEdge
  /** One HTTP call; the body is the parsed JSON whatever the status. */
  call<T>(key: string, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer<T>>
  /** A client key of this tenant; quotas are wide unless said. */
  key(tenant: string, quota?: Quota): Promise<string>
  /** An admitted, registered miner with one full report in. */
  miner(gpus?: number, model?: string): Promise<WireMiner>
  allocate(key: string, body?: object, headers?: Record<string, string>): Promise<Answer<AllocationView & ProblemBody>>
  close(): Promise<void>
}

const WIDE: Quota = { max_gpus: 10_000, max_allocations: 10_000, requests_per_minute: 1_000_000, allocations_per_minute: 1_000_000 }

export async function startTestEdge(databaseUrl: string, o: { vars?: Record<string, string>; rewrite?: (script: string) => string } = {}): Promise<TestEdge> {
  const keys = await makeKeys()
  const logs: string[] = []
  const vars = { ...keys.vars, DATABASE_URL: databaseUrl, ENVIRONMENT: 'development', DEFAULT_IMAGE: IMAGE, ...o.vars }
  const running = await startEdge({ vars, onLog: (line) => logs.push(line), ...(o.rewrite && { rewrite: o.rewrite }) })
  const adminKey = keys.vars['ADMIN_KEY'] ?? ''
  const address = keys.vars['EDGE_ADDRESS'] ?? ''

  async function call<T>(key: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
    const response = await fetch(running.url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: (text ? JSON.parse(text) : null) as T }
  }

  return {
    url: running.url,
    address,
    adminKey,
    fingerprint: keys.fingerprint,
    logs,
    running,
    call,
    async key(tenant, quota = WIDE) {
      const made = await call<{ secret: string }>(adminKey, 'POST', '/admin/keys', { tenant, quota: { ...WIDE, ...quota } })
      if (made.status !== 201) throw new Error(`no key: ${JSON.stringify(made.body)}`)
      return made.body.secret
    },
    async miner(gpus, model) {
      const miner = new WireMiner({ url: running.url, address }, gpus, model)
      await call(adminKey, 'POST', '/admin/allow', { hotkey: miner.hotkey, role: 'miner' })
      const response = await miner.register()
      if (!response.ok) throw new Error(`not registered: ${await response.text()}`)
      await miner.sync()
      return miner
    },
    allocate: (key, body = {}, headers = { prefer: 'wait=0' }) => call(key, 'POST', '/v1/allocations', { ssh_keys: [HOST_KEY], ...body }, headers),
    close: () => running.close(),
  }
}

/** Reads until it is as wanted; throws with what was read last. */
export async function readUntil<T>(read: () => Promise<T>, wanted: (value: T) => boolean, timeoutMs = 20_000): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const value = await read()
    if (wanted(value)) return value
    if (Date.now() > deadline) throw new Error(`not in ${timeoutMs} ms: ${JSON.stringify(value)}`)
    await new Promise((done) => setTimeout(done, 25))
  }
}

/** One edge over a database of its own for all tests of a file. @param ready gets both before the first test */
export function onOneEdge(ready: (edge: TestEdge, database: Running) => Promise<void> | void): void {
  let database: Running | undefined
  let edge: TestEdge | undefined
  beforeAll(async () => {
    database = await databases()[0].start()
    edge = await startTestEdge(database.url)
    await ready(edge, database)
  })
  afterAll(async () => {
    await edge?.close()
    await database?.close()
  })
}
