import { randomBytes } from 'node:crypto'
import { CompactSign, generateKeyPair } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeHotkey, JWS_TYPE, makeId, PROTOCOL } from '../../schema/index.ts'
import { FakeEdge } from '../../test/support/fake-edge.ts'
import { acceptIdentity, type KnownEdge } from '../core/identity.ts'
import { verifyWish } from './wish.ts'

const hotkey = encodeHotkey(randomBytes(32))
const install = makeId('in', 0, randomBytes(10))
const address = encodeHotkey(randomBytes(32))
let edge: FakeEdge
let known: KnownEdge
beforeAll(async () => {
  edge = await new FakeEdge(address).start()
  known = await acceptIdentity(await edge.identity(), edge.pin, null)
})
afterAll(() => edge.stop())

const good = { kind: 'tombstone', id: `al_${'0'.repeat(26)}`, incarnation: 1, generation: 1, trace: 'a'.repeat(32) }
const verify = async (bend: (wish: Record<string, unknown>) => Record<string, unknown>, atLeast: { epoch: number; version: number } | null = null) => {
  edge.bend = bend
  return verifyWish(await edge.signWish(hotkey, install), { edge: known, hotkey, install, atLeast })
}

/** The same claims, signed by a key of somebody else. */
async function forged(header: Record<string, unknown> = {}): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' })
  edge.bend = (w) => w
  const [, payload = ''] = (await edge.signWish(hotkey, install)).split('.')
  return new CompactSign(Buffer.from(payload, 'base64url')).setProtectedHeader({ alg: 'EdDSA', typ: JWS_TYPE.wish, kid: edge.pin, ...header }).sign(privateKey)
}

describe('a wish', () => {
  it('is held when all is right, also the same version again', async () => {
    expect(await verify((w) => ({ ...w, epoch: 2, version: 5, allocations: [good] }), { epoch: 2, version: 5 })).toMatchObject({
      epoch: 2,
      version: 5,
      entries: [good],
      unreadable: [],
    })
    expect(await verify((w) => ({ ...w, epoch: 3, version: 0 }), { epoch: 2, version: 5 })).toMatchObject({ epoch: 3 })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['another hotkey', { aud: encodeHotkey(randomBytes(32)) }, 'other_hotkey'],
    ['another install', { install: makeId('in', 1, randomBytes(10)) }, 'other_install'],
    ['another edge', { iss: encodeHotkey(randomBytes(32)) }, 'other_edge'],
    ['an older version', { epoch: 2, version: 4 }, 'older'],
    ['an older epoch with a higher version', { epoch: 1, version: 999 }, 'older'],
    ['a newer protocol', { protocol: PROTOCOL + 1 }, 'newer_protocol'],
    ['no version', { version: undefined }, 'garbage'],
    ['no list', { allocations: null }, 'garbage'],
  ])('for %s is refused', async (_, change, code) => {
    await expect(verify((w) => ({ ...w, epoch: 2, version: 5, ...change }), { epoch: 2, version: 5 })).rejects.toMatchObject({ name: 'WishRefused', code })
  })

  it('by another key, of another type or cut is refused', async () => {
    const check = (jws: string) => verifyWish(jws, { edge: known, hotkey, install, atLeast: null })
    edge.bend = (w) => w
    const jws = await edge.signWish(hotkey, install)
    const [header, payload, signature] = jws.split('.')
    const other = Buffer.from(JSON.stringify({ ...(JSON.parse(Buffer.from(payload ?? '', 'base64url').toString()) as object), version: 9 })).toString(
      'base64url',
    )
    for (const [text, code] of [
      [await forged(), 'garbage'],
      [await forged({ kid: 'other' }), 'unknown_key'],
      [await edge.identity(), 'garbage'],
      [`${header}.${other}.${signature}`, 'garbage'],
      [jws.slice(0, -3), 'garbage'],
      [`${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`, 'garbage'],
      ['', 'garbage'],
      ['x.y.z', 'garbage'],
    ] as const)
      await expect(check(text), text.slice(0, 40)).rejects.toMatchObject({ code })
    expect(await check(jws)).toMatchObject({ version: edge.version })
  })

  it('with entries of kinds to come: the others hold, those are named, and what has no name is left out', async () => {
    const strange = { ...good, kind: 'vm', generation: 4, shape: 'round' }
    const odd = { id: good.id, incarnation: 2, kind: 'container', gpus: 'all', generation: 'x' }
    const held = await verify((w) => ({ ...w, allocations: [strange, good, odd, { kind: 'container' }, 5, null] }))
    expect(held.entries).toEqual([good])
    expect(held.unreadable).toEqual([
      { id: good.id, incarnation: 1, generation: 4, trace: good.trace },
      { id: good.id, incarnation: 2, generation: 0, trace: 'f'.repeat(32) },
    ])
  })
})

describe('the identity of an edge', () => {
  it('is believed by the pinned key, then by any key it showed, through a rotation', async () => {
    const rotating = await new FakeEdge(address).start()
    try {
      const pin = rotating.pin
      const first = await acceptIdentity(await rotating.identity(), pin, null)
      await rotating.announce()
      const second = await acceptIdentity(await rotating.identity(), pin, first)
      expect(second.keys).toHaveLength(2)
      rotating.rotate()
      expect(await acceptIdentity(await rotating.identity(), pin, second), 'a key it showed').toMatchObject({ keys: [second.keys[1]] })
      await expect(acceptIdentity(await rotating.identity(), pin, first), 'a key it never showed').rejects.toMatchObject({ name: 'NotTheEdge' })
      expect(await acceptIdentity(await rotating.identity(), rotating.pin, first), 'a new registration string').toMatchObject({ address })
    } finally {
      await rotating.stop()
    }
  })

  it('of somebody else is not believed, and another edge is not served from one state', async () => {
    const thief = await new FakeEdge(address).start()
    const other = await new FakeEdge(encodeHotkey(randomBytes(32))).start()
    try {
      await expect(acceptIdentity(await thief.identity(), edge.pin, null)).rejects.toMatchObject({ name: 'NotTheEdge' })
      await expect(acceptIdentity(await thief.identity(), edge.pin, known)).rejects.toMatchObject({ name: 'NotTheEdge' })
      for (const text of ['', 'a.b.c', await forged()]) await expect(acceptIdentity(text, edge.pin, null)).rejects.toMatchObject({ name: 'NotTheEdge' })
      await expect(acceptIdentity(await other.identity(), other.pin, known)).rejects.toThrow(/belongs to the edge .*--state/)
    } finally {
      await thief.stop()
      await other.stop()
    }
  })
})
