import { randomBytes } from 'node:crypto'
import { secretFromSeed } from '@scure/sr25519'
import { describe, expect, it } from 'vitest'
import { encodeHotkey, HEADER, type ProblemBody } from '../../schema/index.ts'
import { nonceAt, type SendOptions, WireMiner } from '../support/agent.ts'
import { onOneEdge, type TestEdge } from '../support/edge.ts'

let edge: TestEdge
let miner: WireMiner
onOneEdge(async (e) => {
  edge = e
  miner = await edge.miner(1)
})

const problem = async (response: Response) => ({ status: response.status, body: (await response.json()) as ProblemBody })
const send = async (o: SendOptions, target = '/agent/sync') => problem(await miner.send('POST', target, miner.report([]), o))

describe('a signed request is refused with its own code', () => {
  const cases: [string, string, () => Promise<{ status: number; body: ProblemBody }>][] = [
    ['forged by another key', 'bad_signature', () => send({ secret: secretFromSeed(randomBytes(32)) })],
    ['sent to another path than signed', 'bad_signature', () => send({ signedTarget: '/agent/register' })],
    ['with a query that was not signed', 'bad_signature', () => send({ signedTarget: '/agent/sync' }, '/agent/sync?as=root')],
    ['with another body', 'bad_signature', () => send({ body: JSON.stringify(miner.report([], { foreign: 7 })) })],
    ['with a truncated body', 'bad_signature', () => send({ body: '{"protocol":1' })],
    ['meant for another edge', 'wrong_receiver', () => send({ receiver: encodeHotkey(randomBytes(32)) })],
    ['with its receiver rewritten', 'bad_signature', () => send({ receiver: encodeHotkey(randomBytes(32)), headers: { [HEADER.receiver]: edge.address } })],
    ['without a receiver', 'wrong_receiver', () => send({ headers: { [HEADER.receiver]: '' } })],
    ['older than the window', 'stale', () => send({ nonce: nonceAt(Date.now() - 60_000) })],
    ['from the future', 'stale', () => send({ nonce: nonceAt(Date.now() + 60_000) })],
    ['with a nonce that is no number', 'malformed_signature', () => send({ headers: { [HEADER.nonce]: '1e18' } })],
    ['with half a signature', 'malformed_signature', () => send({ headers: { [HEADER.signature]: `0x${'ab'.repeat(32)}` } })],
    ['with another scheme', 'malformed_signature', () => send({ headers: { [HEADER.crypto]: 'ed25519' } })],
    [
      'without any headers',
      'malformed_signature',
      async () => problem(await fetch(`${edge.url}/agent/sync`, { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } })),
    ],
  ]
  it.each(cases)('%s: %s', async (_, code, request) => {
    const answer = await request()
    expect(answer).toMatchObject({ body: { code } })
    expect(answer.status).toBe(401)
  })

  it('a stale one tells the time, so that a wrong clock can mend itself', async () => {
    const { body } = await send({ nonce: nonceAt(Date.now() - 3600_000) })
    expect(Math.abs((body.server_time_ms ?? 0) - Date.now())).toBeLessThan(5_000)
  })

  it('replayed, also when its first use was refused further on', async () => {
    const nonce = nonceAt(Date.now())
    const report = miner.report([])
    expect((await miner.send('POST', '/agent/sync', report, { nonce })).status).toBe(200)
    expect((await problem(await miner.send('POST', '/agent/sync', report, { nonce }))).body.code).toBe('replayed')
    const other = nonceAt(Date.now())
    expect((await problem(await miner.send('POST', '/agent/sync', { nonsense: true }, { nonce: other }))).body.code).toBe('invalid_request')
    expect((await problem(await miner.send('POST', '/agent/sync', { nonsense: true }, { nonce: other }))).body.code).toBe('replayed')
  })

  it('a forged request does not burn the nonce of the real one', async () => {
    const nonce = nonceAt(Date.now())
    const report = miner.report([])
    expect((await problem(await miner.send('POST', '/agent/sync', report, { nonce, secret: secretFromSeed(randomBytes(32)) }))).body.code).toBe('bad_signature')
    expect((await miner.send('POST', '/agent/sync', report, { nonce })).status).toBe(200)
  })

  it('from a stranger or a validator', async () => {
    const stranger = new WireMiner(edge)
    expect(await problem(await stranger.register())).toMatchObject({ status: 403, body: { code: 'not_admitted' } })
    await edge.call(edge.adminKey, 'POST', '/admin/allow', { hotkey: stranger.hotkey, role: 'validator' })
    expect(await problem(await stranger.register())).toMatchObject({ status: 403, body: { code: 'wrong_role' } })
  })

  it('the wake socket, when it is not signed or not an upgrade', async () => {
    expect((await problem(await fetch(`${edge.url}/agent/wake`))).body.code).toBe('malformed_signature')
    expect(await problem(await miner.send('GET', '/agent/wake'))).toMatchObject({ status: 426, body: { code: 'upgrade_required' } })
  })
})
