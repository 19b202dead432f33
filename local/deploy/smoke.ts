import { calculateJwkThumbprint } from 'jose'
import * as z from 'zod'
import { edgeIdentity, problemBody } from '../../schema/index.ts'
import { reason } from '../../node-agents/core/mistake.ts'
import { acceptIdentity } from '../../node-agents/core/identity.ts'

export type Finding = { name: string; ok: boolean; detail: string }
export type SmokeOptions = {
  url: string
  /** Fingerprint of the key the edge must show; absent: any, and it is said which. */
  pin?: string
  /** How long health may take to turn green: after a first deploy cron has not run yet. */
  patienceMs: number
  pauseMs?: number
}

const ANSWER_MS = 20_000
/** Not of a deployment's making: at a first one no validator has told yet who is registered. */
const LATER = new Set(['roles'])
const healthBody = z.object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })) })

/** What a deployment must show from outside, with no key and no rental. Never throws: what fails is a finding. */
export async function smoke({ url, pin, patienceMs, pauseMs = 5000 }: SmokeOptions): Promise<Finding[]> {
  const base = url.replace(/\/+$/, '')
  return [
    await found('health', () => green(base, patienceMs, pauseMs)),
    await found('openapi', () => described(base)),
    await found('unauthorized', () => problemAt(`${base}/v1/gpus`, 'unauthorized')),
    await found('unsigned', () =>
      problemAt(`${base}/agent/sync`, 'malformed_signature', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }),
    ),
    await found('not_found', () => problemAt(`${base}/nowhere`, 'not_found')),
    await found('identity', () => identity(base, pin)),
  ]
}

async function found(name: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { name, ok: true, detail: await look() }
  } catch (error) {
    return { name, ok: false, detail: reason(error) }
  }
}

const ask = (url: string, init: RequestInit = {}) => fetch(url, { ...init, redirect: 'error', signal: AbortSignal.timeout(ANSWER_MS) })

async function green(base: string, patienceMs: number, pauseMs: number): Promise<string> {
  for (const end = performance.now() + patienceMs; ;) {
    const said = await health(base).catch((error: unknown) => ({ red: reason(error), later: '' }))
    if (said.red === '') return said.later === '' ? 'green' : `green but for ${said.later}`
    if (performance.now() >= end) throw new Error(said.red)
    await new Promise((done) => setTimeout(done, pauseMs))
  }
}

/** What is red, and what is red but not because of the deployment; empty: nothing. */
async function health(base: string): Promise<{ red: string; later: string }> {
  const body: unknown = await (await ask(`${base}/health`)).json()
  const problem = problemBody.safeParse(body)
  if (problem.success) return { red: problem.data.detail ?? problem.data.title, later: '' }
  const red = healthBody.parse(body).checks.filter((c) => !c.ok)
  const told = (checks: typeof red) => checks.map((c) => `${c.name}: ${c.detail}`).join('; ')
  return { red: told(red.filter((c) => !LATER.has(c.name))), later: told(red.filter((c) => LATER.has(c.name))) }
}

async function described(base: string): Promise<string> {
  const document = z.object({ openapi: z.string(), paths: z.record(z.string(), z.unknown()) }).parse(await (await ask(`${base}/openapi.json`)).json())
  if (!document.paths['/v1/allocations']) throw new Error('it does not describe /v1/allocations')
  return `OpenAPI ${document.openapi}, ${Object.keys(document.paths).length} paths`
}

async function problemAt(url: string, code: string, init?: RequestInit): Promise<string> {
  const response = await ask(url, init)
  const type = response.headers.get('content-type')
  if (type !== 'application/problem+json') throw new Error(`HTTP ${response.status} ${type} where a problem belongs`)
  const problem = problemBody.parse(await response.json())
  if (problem.code !== code) throw new Error(`${problem.code} where ${code} belongs`)
  if (!problem.trace_id) throw new Error('the problem has no trace id')
  return `${response.status} ${code}`
}

async function identity(base: string, pin: string | undefined): Promise<string> {
  const { jws } = z.object({ jws: z.string() }).parse(await (await ask(`${base}/agent/identity`)).json())
  const claims = edgeIdentity.parse(JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')))
  const [{ kty, crv, x }] = [claims.keys[0] ?? { kty: 'OKP', crv: 'Ed25519', x: '' }]
  const shown = await calculateJwkThumbprint({ kty, crv, x })
  await acceptIdentity(jws, pin ?? shown, null)
  return `${claims.environment}, netuid ${claims.netuid}; miners register with ${base}#${shown}`
}
