import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sr25519PairFromSeed, sr25519Sign, sr25519Verify } from '@polkadot/util-crypto'
import { getPublicKey, secretFromSeed } from '@scure/sr25519'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HEADER, type Signable, signingBytes, signRequest, verifyBytes, verifyRequest } from './btauth.ts'
import { encodeHotkey } from './hotkey.ts'

type Headers = Record<string, string | undefined>
type Vectors = {
  now_ns: string
  seed: string
  public_key: string
  hotkey: string
  receiver: string
  requests: { name: string; method: string; target: string; body: string; nonce: string; payload: string; headers: Headers }[]
  refused: Record<'unbound' | 'ed25519', Headers>
}

/** Made by Bittensor's own SDK: see `btauth.py` beside it. */
const vectors: Vectors = JSON.parse(readFileSync(join(import.meta.dirname, '../test/vectors/btauth.json'), 'utf8'))

const seed = Buffer.from(vectors.seed.slice(2), 'hex')
const secret = secretFromSeed(seed)
const sender = encodeHotkey(getPublicKey(secret))
const { receiver } = vectors
const NOW = Number(BigInt(vectors.now_ns) / 1_000_000n)

type Sent = { method: string; target: string; body: Uint8Array; headers: Headers }

function verify({ method, target, body, headers }: Sent, at = NOW, edge = receiver) {
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  return verifyRequest({ method, target, body, header: (name) => lower.get(name) ?? null }, edge, at)
}

describe('against the official Python SDK', () => {
  it.each(vectors.requests)('takes what it signed: $name', ({ method, target, body, nonce, headers, payload }) => {
    const sent: Sent = { method, target, body: Buffer.from(body, 'base64'), headers }
    expect(new TextDecoder().decode(signingBytes({ ...sent, nonce, sender, receiver }))).toBe(payload)
    expect(verify(sent)).toEqual({ ok: true, hotkey: vectors.hotkey, nonce })
  })

  it('derives the same key and address from a seed', () => {
    expect([`0x${Buffer.from(getPublicKey(secret)).toString('hex')}`, sender]).toEqual([vectors.public_key, vectors.hotkey])
  })

  it('refuses a request that is signed for nobody, or by ed25519', () => {
    const get = { method: 'GET', target: '/agent/wake', body: new Uint8Array() }
    expect(verify({ ...get, headers: vectors.refused.unbound })).toMatchObject({ ok: false, code: 'wrong_receiver' })
    expect(verify({ ...get, headers: vectors.refused.ed25519 })).toMatchObject({ ok: false, code: 'malformed_signature' })
  })
})

describe('against @polkadot/util-crypto', () => {
  const pair = sr25519PairFromSeed(seed)
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    target: fc.webPath(),
    body: fc.uint8Array(),
    nonce: fc.constant(vectors.now_ns),
  })

  it('each takes what the other signed', () => {
    fc.assert(
      fc.property(request, (r) => {
        const full = { ...r, sender, receiver }
        const ours = signRequest(secret, full)
        expect(sr25519Verify(signingBytes(full), ours[HEADER.signature] ?? '', pair.publicKey)).toBe(true)
        const theirs = Buffer.from(sr25519Sign(signingBytes(full), pair)).toString('hex')
        expect(verify({ ...r, headers: { ...ours, [HEADER.signature]: `0x${theirs}` } })).toMatchObject({ ok: true, hotkey: sender })
        expect(verifyBytes(sender, signingBytes(full), `0x${theirs}`)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

const base: Signable = { method: 'POST', target: '/agent/sync?x=1', body: new TextEncoder().encode('{"seq":1}'), nonce: vectors.now_ns, sender, receiver }
const signed: Sent = { method: base.method, target: base.target, body: base.body, headers: signRequest(secret, base) }
const signature = signed.headers[HEADER.signature] ?? ''
const mallory = secretFromSeed(new Uint8Array(32).fill(9))
const malloryHotkey = encodeHotkey(getPublicKey(mallory))
const withHeaders = (headers: Headers): Partial<Sent> => ({ headers: { ...signed.headers, ...headers } })

it('takes a good request, with the scheme named or not', () => {
  expect(verify(signed)).toMatchObject({ ok: true })
  expect(verify({ ...signed, ...withHeaders({ [HEADER.crypto]: 'sr25519' }) })).toMatchObject({ ok: true })
})

it.each<[what: string, change: Partial<Sent>, code: string]>([
  ['forged by another key', { headers: signRequest(mallory, base) }, 'bad_signature'],
  [
    "signed by another key in that key's own name, then renamed",
    { headers: { ...signRequest(mallory, { ...base, sender: malloryHotkey }), [HEADER.hotkey]: sender } },
    'bad_signature',
  ],
  ['claimed by another hotkey', withHeaders({ [HEADER.hotkey]: malloryHotkey }), 'bad_signature'],
  ['re-targeted to another path', { target: '/agent/register?x=1' }, 'bad_signature'],
  ['with another query', { target: '/agent/sync?x=2' }, 'bad_signature'],
  ['with no query', { target: '/agent/sync' }, 'bad_signature'],
  ['with another method', { method: 'DELETE' }, 'bad_signature'],
  ['with its body swapped', { body: new TextEncoder().encode('{"seq":2}') }, 'bad_signature'],
  ['with its body cut off', { body: base.body.slice(0, -1) }, 'bad_signature'],
  ['with its body gone', { body: new Uint8Array() }, 'bad_signature'],
  ['with another nonce', withHeaders({ [HEADER.nonce]: String(BigInt(base.nonce) + 1n) }), 'bad_signature'],
  ['with a signature of zeros', withHeaders({ [HEADER.signature]: `0x${'0'.repeat(128)}` }), 'bad_signature'],
  ['with a signature off the curve', withHeaders({ [HEADER.signature]: `0x${'f'.repeat(128)}` }), 'bad_signature'],
  ['with one bit of the signature turned', withHeaders({ [HEADER.signature]: signature.replace(/.$/, (c) => (c === '0' ? '1' : '0')) }), 'bad_signature'],
  ['signed for another receiver', { headers: signRequest(secret, { ...base, receiver: malloryHotkey }) }, 'wrong_receiver'],
  ['relabelled for this receiver', { headers: { ...signRequest(secret, { ...base, receiver: malloryHotkey }), [HEADER.receiver]: receiver } }, 'bad_signature'],
  ['without a receiver', withHeaders({ [HEADER.receiver]: undefined }), 'wrong_receiver'],
  ['for "-"', { headers: signRequest(secret, { ...base, receiver: '-' }) }, 'wrong_receiver'],
  ['without a version', withHeaders({ [HEADER.version]: undefined }), 'malformed_signature'],
  ['of version 2', withHeaders({ [HEADER.version]: '2' }), 'malformed_signature'],
  ['without a hotkey', withHeaders({ [HEADER.hotkey]: undefined }), 'malformed_signature'],
  ['from no address', withHeaders({ [HEADER.hotkey]: `${sender.slice(0, -1)}x` }), 'malformed_signature'],
  ['without a nonce', withHeaders({ [HEADER.nonce]: undefined }), 'malformed_signature'],
  ['with a nonce in words', withHeaders({ [HEADER.nonce]: '0x1' }), 'malformed_signature'],
  ['with a negative nonce', withHeaders({ [HEADER.nonce]: `-${base.nonce}` }), 'malformed_signature'],
  ['with a nonce written another way', withHeaders({ [HEADER.nonce]: `0${base.nonce}` }), 'malformed_signature'],
  ['without a signature', withHeaders({ [HEADER.signature]: undefined }), 'malformed_signature'],
  ['with a signature that is not hex', withHeaders({ [HEADER.signature]: signature.replace(/..$/, 'zz') }), 'malformed_signature'],
  ['with a signature cut short', withHeaders({ [HEADER.signature]: signature.slice(0, -2) }), 'malformed_signature'],
  ['with a signature too long', withHeaders({ [HEADER.signature]: `${signature}00` }), 'malformed_signature'],
  ['that says ed25519', withHeaders({ [HEADER.crypto]: 'ed25519' }), 'malformed_signature'],
  ['that says nothing of its scheme', withHeaders({ [HEADER.crypto]: '' }), 'malformed_signature'],
])('refuses a request %s', (_, change, code) => {
  expect(verify({ ...signed, ...change })).toMatchObject({ ok: false, code })
})

it.each([
  [10_000, true],
  [10_001, false],
  [3_600_000, false],
  [-2_000, true],
  [-2_001, false],
  [-3_600_000, false],
])('at a clock %i ms ahead of the nonce, taken: %s', (ms, taken) => {
  expect(verify(signed, NOW + ms)).toMatchObject(taken ? { ok: true } : { ok: false, code: 'stale' })
})

it('never takes one request for another', () => {
  const text = fc.string({ maxLength: 12 })
  const parts = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    target: text,
    body: fc.uint8Array({ maxLength: 4 }),
    nonce: fc.constantFrom('1', '12'),
    sender: text,
    receiver: text,
  })
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const lineBreak = [a, b].some((p) => `${p.target}${p.sender}${p.receiver}`.includes('\n')) // none of them can hold one on the wire
      fc.pre(!lineBreak && JSON.stringify(a) !== JSON.stringify(b))
      expect(signingBytes(a)).not.toEqual(signingBytes(b))
    }),
  )
})
