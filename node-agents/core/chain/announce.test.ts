import { describe, expect, it } from 'vitest'
import type { Served } from './types.ts'
import { type Decision, type Ground, serveDecision } from './announce.ts'

const WANTED = { ip: '203.0.113.7', port: 8091, version: 183 }
const onChain = (change: Partial<Served> = {}): Served => ({ ...WANTED, block: 1000, ...change })
const ground = (change: Partial<Ground> = {}): Ground => ({ wanted: WANTED, onChain: onChain(), head: 1010, rateLimit: 50, lastTry: null, ...change })

const SERVE: Decision = { do: 'serve' }
const NOTHING: Decision = { do: 'nothing' }
const wait = (until: number): Decision => ({ do: 'wait', until })

const cases: [string, Partial<Ground>, Decision][] = [
  ['what is wanted stands there', {}, NOTHING],
  ['… whatever went wrong before', { lastTry: { block: 1009, failures: 3 } }, NOTHING],
  ['nothing was ever announced', { onChain: null }, SERVE],
  ['another address, within the rate limit', { onChain: onChain({ ip: '203.0.113.8' }) }, wait(1050)],
  ['… a block before it ends', { onChain: onChain({ ip: '203.0.113.8' }), head: 1049 }, wait(1050)],
  ['… once it has passed', { onChain: onChain({ ip: '203.0.113.8' }), head: 1050 }, SERVE],
  ['another port', { onChain: onChain({ port: 1 }), head: 2000 }, SERVE],
  ['another version', { onChain: onChain({ version: 9_000_000 }), head: 2000 }, SERVE],
  ['taken back', { onChain: onChain({ ip: null, port: 1 }), head: 2000 }, SERVE],
  ['no rate limit', { onChain: onChain({ port: 1 }), rateLimit: 0 }, SERVE],
  ['one failure: two blocks', { onChain: null, lastTry: { block: 1009, failures: 1 } }, wait(1011)],
  ['… then again', { onChain: null, head: 1011, lastTry: { block: 1009, failures: 1 } }, SERVE],
  ['five failures: 32 blocks', { onChain: null, lastTry: { block: 1009, failures: 5 } }, wait(1041)],
  ['many failures: an hour', { onChain: null, lastTry: { block: 1009, failures: 40 } }, wait(1309)],
  ['the later of rate limit and failures', { onChain: onChain({ port: 1 }), lastTry: { block: 1009, failures: 2 } }, wait(1050)],
  ['it did a block ago, and the endpoint is behind', { onChain: null, lastTry: { block: 1010, failures: 0 } }, wait(1011)],
  ['another spelling of the same IPv6', { wanted: { ...WANTED, ip: '2001:DB8:0::7' }, onChain: onChain({ ip: '2001:db8::7' }) }, NOTHING],
  ['an IPv4 that is another number', { wanted: { ...WANTED, ip: '203.0.113.70' }, head: 2000 }, SERVE],
]

describe('whether to announce this host', () => {
  it.each(cases)('%s', (_, change, decision) => expect(serveDecision(ground(change))).toEqual(decision))

  it.each(['127.0.0.1', '0.0.0.0', '255.255.255.255', '::1', '::'])('%s is never sent: the chain would refuse it', (ip) => {
    expect(serveDecision(ground({ wanted: { ...WANTED, ip }, onChain: null }))).toEqual({ do: 'refuse', reason: expect.stringContaining(ip) })
  })

  it.each(['127.0.0.2', '10.0.0.1', '2001:db8::7'])('%s is: the chain takes it', (ip) => {
    expect(serveDecision(ground({ wanted: { ...WANTED, ip }, onChain: null }))).toEqual(SERVE)
  })
})
