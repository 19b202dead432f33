import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { openStore } from './open.ts'
import { aMiner, aNeuron, aProof, aPublication, aStat, hotkeys } from '../../../test/support/rows.ts'
import type { Store } from './types.ts'

const log = makeLog('silent', 'test')
const [A = '', B = '', C = '', D = ''] = hotkeys(4)
const NOW = 1_800_000_000_000

let dir: string
let store: Store
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'subnet-'))
  store = await openStore(dir, log)
})
afterEach(async () => {
  await store.close()
  await rm(dir, { recursive: true })
})

/** A row of every kind for the hotkey. */
async function fill(hotkey: string, uid: number): Promise<void> {
  await store.keepProof(aProof(hotkey))
  await store.keepChallenge({ hotkey, success: true, elapsedMs: 12.5, at: NOW })
  await store.keepStats([aStat(hotkey, { uid })])
  await store.keepSpecs([aMiner(hotkey)], NOW)
  await store.keepPeers([{ validator: hotkey, scores: aPublication(hotkey, NOW), penalties: null }])
  await store.penalize({ hotkey, reason: 'sold a card twice', from: NOW, until: null })
}

/** Which kinds of rows there are of the hotkey. */
async function rowsOf(hotkey: string): Promise<string[]> {
  const maps = {
    proofs: await store.proofs(),
    liveness: await store.liveness(),
    stats: await store.stats(),
    specs: await store.specs(),
    penalties: await store.penalties(NOW),
    peers: new Map((await store.peers()).map((p) => [p.validator, p])),
  }
  return Object.entries(maps).flatMap(([name, map]) => (map.has(hotkey) ? [name] : []))
}
const ALL = ['proofs', 'liveness', 'stats', 'specs', 'penalties', 'peers']

describe('follow', () => {
  const three = [aNeuron(A, 0), aNeuron(B, 1), aNeuron(C, 2)]
  beforeEach(async () => {
    await store.follow(three, NOW)
    await fill(A, 0)
    await fill(B, 1)
  })

  it('changes nothing when nobody left, over a restart', async () => {
    expect(await store.follow(three, NOW + 1)).toEqual([])
    await store.close()
    store = await openStore(dir, log)
    expect(await store.follow(three, NOW + 2)).toEqual([])
    expect(await rowsOf(A)).toEqual(ALL)
    expect(await rowsOf(B)).toEqual(ALL)
  })

  it('lets a new hotkey on an old uid inherit nothing', async () => {
    expect(await store.follow([aNeuron(A, 0), aNeuron(D, 1, 900), aNeuron(C, 2)], NOW)).toEqual([B])
    expect(await rowsOf(D)).toEqual([])
    expect(await rowsOf(B)).toEqual(['penalties'])
    expect(await rowsOf(A)).toEqual(ALL)
  })

  it.each([
    ['on the same uid', 1],
    ['on another uid', 7],
  ])('lets a hotkey that registered again %s inherit nothing but its penalty', async (_, uid) => {
    expect(await store.follow([aNeuron(A, 0), aNeuron(B, uid, 900), aNeuron(C, 2)], NOW)).toEqual([B])
    expect(await rowsOf(B)).toEqual(['penalties'])
  })

  it('lets a hotkey that left for a while inherit nothing but its penalty', async () => {
    await store.follow([aNeuron(A, 0), aNeuron(C, 2)], NOW)
    await store.follow([aNeuron(A, 0), aNeuron(B, 1, 900), aNeuron(C, 2)], NOW)
    expect(await rowsOf(B)).toEqual(['penalties'])
  })

  it('lets a hotkey that only moved keep everything, and its stat follow, also when two change places', async () => {
    expect(await store.follow([aNeuron(A, 1), aNeuron(B, 0), aNeuron(C, 2)], NOW)).toEqual([])
    expect(await rowsOf(A)).toEqual(ALL)
    const stats = await store.stats()
    expect([stats.get(A)?.uid, stats.get(B)?.uid]).toEqual([1, 0])
  })

  it('gives what comes in late about somebody who left to nobody', async () => {
    await store.follow([aNeuron(A, 0), aNeuron(C, 2)], NOW)
    await store.pardon(B)
    await store.keepProof(aProof(B))
    await store.keepChallenge({ hotkey: B, success: true, elapsedMs: 1, at: NOW })
    await store.keepStats([aStat(B), aStat(C)])
    await store.keepSpecs([aMiner(B), aMiner(C)], NOW)
    expect(await rowsOf(B)).toEqual([])
    expect(await rowsOf(C)).toEqual(['stats', 'specs'])
    await store.follow([aNeuron(A, 0), aNeuron(B, 1, 900), aNeuron(C, 2)], NOW)
    await store.keepProof(aProof(B, { block: 899 }))
    await store.keepStats([aStat(B, { block: 899 })])
    expect(await rowsOf(B), 'the proof was of the one that left').toEqual([])
    await store.keepProof(aProof(B, { block: 900 }))
    await store.keepStats([aStat(B, { block: 900 })])
    expect(await rowsOf(B)).toEqual(['proofs', 'stats'])
  })

  it('refuses a reading without neurons however often it comes, and one with a hotkey twice', async () => {
    for (let i = 0; i < 3; i++) await expect(store.follow([], NOW)).rejects.toThrow(/without a single neuron/)
    await expect(store.follow([aNeuron(A, 0), aNeuron(A, 1)], NOW)).rejects.toThrow(/twice/)
    expect(await rowsOf(A)).toEqual(ALL)
  })

  it('believes that most are gone only when it is read again', async () => {
    await store.keepProgress({ job: 'proofs', block: 1, at: NOW, trouble: null })
    await expect(store.follow([aNeuron(C, 2)], NOW)).rejects.toThrow(/2 of 3 known hotkeys are not there in one reading/)
    expect(await rowsOf(A)).toEqual(ALL)
    await store.follow(three, NOW) // it was not so
    await expect(store.follow([aNeuron(C, 2)], NOW)).rejects.toThrow(/in one reading/)
    expect((await store.progress()).size).toBe(1)
    expect(await store.follow([aNeuron(C, 2)], NOW)).toEqual([A, B])
    expect((await store.progress()).size, 'nothing was done for those who are there now').toBe(0)
    expect(await rowsOf(A)).toEqual(['penalties'])
  })
})
