import { signRequest, type WishEntry } from '../../schema/index.ts'
import { nonceAt, type WireMiner } from '../support/agent.ts'
import type { Wire } from './http.ts'
import { mutate, type Random } from './random.ts'

const PATHS = ['/agent/sync', '/agent/sync', '/agent/sync', '/agent/register', '/agent/takeover', '/agent/wake'] as const
const PHASES = ['none', 'pulling', 'creating', 'starting', 'running', 'paused', 'stopping', 'gone', 'failed'] as const

const UPGRADE = { connection: 'upgrade', 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }

/** What an agent would say at this address, as far as it is about things there are. */
function honest(r: Random, miner: WireMiner, path: string, entries: readonly WishEntry[]): unknown {
  if (path === '/agent/register') return miner.registration()
  if (path === '/agent/takeover') return { install: miner.install, from: r.of([miner.install, `in_${miner.install.slice(3)}`]) }
  const facts = entries.map((entry) => miner.fact(entry, r.of(PHASES), { restart_n: r.below(3), keys_n: r.below(3) }))
  const { seq } = miner
  const report = miner.report(facts, r.chance(0.7) ? { facts: null } : {})
  if (r.chance(0.5)) miner.seq = seq // told again, or out of order
  return report
}

/** One request of an agent: signed as it should be, with a body that is not as it should be; or the other way round. */
export function agentRequest(r: Random, miner: WireMiner, receiver: string, entries: readonly WishEntry[]): Wire {
  const path = r.of(PATHS)
  const method = path === '/agent/wake' ? 'GET' : 'POST'
  let value = method === 'GET' ? undefined : honest(r, miner, path, entries)
  if (value !== undefined && r.chance(0.75)) for (let n = 1 + r.below(2); n > 0; n--) value = mutate(r, value)
  const text = Buffer.from(value === undefined ? '' : (JSON.stringify(value) ?? ''))
  const body = r.chance(0.03) ? text.subarray(0, r.below(text.length + 1)) : text
  const target = r.chance(0.95) ? path : `${path}?a=%zz`
  const signed = signRequest(miner.secret, { method, target, body, nonce: nonceAt(Date.now()), sender: miner.hotkey, receiver })
  const headers: Record<string, string> = { ...signed, ...(method === 'POST' && { 'content-type': 'application/json', 'content-length': String(body.length) }) }
  if (r.chance(0.15)) spoil(r, headers, Object.keys(signed))
  if (method === 'GET' && r.chance(0.3)) Object.assign(headers, UPGRADE, { upgrade: r.of(['websocket', 'h2c']) })
  return { method, path: target, headers, body: method === 'POST' ? body : null }
}

function spoil(r: Random, headers: Record<string, string>, names: string[]): void {
  const name = r.of(names)
  const value = headers[name] ?? ''
  const other = r.of(['', '0', '0x', 'x'.repeat(500), value.slice(1), `${value}0`, '-1', '9'.repeat(40), `5${r.hex(47)}`])
  if (r.chance(0.2)) delete headers[name]
  else headers[name] = other
}
