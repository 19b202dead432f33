import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeLog } from '../../core/log.ts'
import { CYCLE_STATES } from '../../../schema/tables/validator/index.ts'
import { openStore } from './open.ts'
import { aCycle, aMiner, aNeuron, aProof, aPublication, aStat, hotkeys } from '../../../test/support/rows.ts'
import type { NewProof, Store } from './types.ts'

const log = makeLog('silent', 'test')
const [A = '', B = ''] = hotkeys(2)
const NOW = 1_800_000_000_000

let dir: string
let store: Store
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'store #1?%20-'))
  store = await openStore(dir, log)
})
afterEach(async () => {
  await store.close()
  await rm(dir, { recursive: true })
})

async function reopen(): Promise<void> {
  await store.close()
  store = await openStore(dir, log)
}

describe('what is kept', () => {
  beforeEach(() => store.follow([aNeuron(A, 0), aNeuron(B, 1)], NOW))

  it('comes back as it was given, over a restart', async () => {
    const proof = aProof(A, { result: 'invalid', gpus: [], reason: 'wrong bits', simulated: true })
    await store.keepProof(proof)
    const stat = aStat(A, { score: 33.375, reliability: 0.95, factors: { factors: [{ name: 'catalog', value: 1.5, from: 'x' }], note: 'ü "q"' } })
    await store.keepStats([stat, aStat(B, { gpus: null })])
    await store.keepSpecs([aMiner(A)], NOW)
    const progress = { job: 'weights', block: 4_000_000_000, at: NOW, trouble: 'the chain was away' }
    await store.keepProgress(progress)
    await reopen()
    expect((await store.proofs()).get(A)).toEqual([{ id: 1, evidence: null, ...proof }])
    expect((await store.stats()).get(A)).toEqual(stat)
    expect((await store.stats()).get(B)?.gpus).toBeNull()
    expect((await store.specs()).get(A)).toEqual({ hotkey: A, miner: aMiner(A), at: NOW })
    expect((await store.progress()).get('weights')).toEqual(progress)
  })

  it('are the newest four proofs of each hotkey, newest first', async () => {
    for (let block = 200; block < 207; block++) await store.keepProof(aProof(A, { block }))
    await store.keepProof(aProof(B, { block: 200 }))
    const proofs = await store.proofs()
    expect(proofs.get(A)?.map((p) => p.block)).toEqual([206, 205, 204, 203])
    expect(proofs.get(B)).toHaveLength(1)
  })

  it('are one result of a round, in the place of what failed in it before; what was lost or wrong stays', async () => {
    const lost = { proof: null, text: '', mismatch: false, measured: null, confidence: null, runnerUp: null, flags: [], bundle: null, lost: ['GPU-1'] }
    const failed = (block: number, o: Partial<NewProof> = {}) => aProof(A, { block, result: 'failed', gpus: [], ...o })
    const kept = async () => (await store.proofs()).get(A)?.map((p) => [p.block, p.result])
    await store.keepProof(failed(199), 190)
    await store.keepProof(failed(200), 200)
    await store.keepProof(failed(203), 200)
    expect(await kept()).toEqual([[203, 'failed'], [199, 'failed']]) // prettier-ignore
    await store.keepProof(aProof(A, { block: 204, result: 'valid', gpus: [] }), 200)
    expect(await kept()).toEqual([[204, 'valid'], [199, 'failed']]) // prettier-ignore
    await store.keepProof(failed(210, { evidence: lost }), 205)
    await store.keepProof(failed(211), 205)
    await store.keepProof(failed(220))
    expect((await kept())?.map(([block]) => block)).toEqual([220, 211, 210, 204])
  })

  it('are older proofs too, of cards that no newer one is of', async () => {
    const of = (uuids: string[]) => uuids.map((uuid) => ({ uuid, model: 'NVIDIA H200', rentedMs: 0 }))
    await store.keepProof(aProof(A, { block: 200, gpus: of(['rented', 'free']), at: NOW }))
    for (let block = 201; block < 207; block++) await store.keepProof(aProof(A, { block, gpus: of(['free']), at: NOW }))
    const kept = async () => (await store.proofs()).get(A)?.map((p) => p.block)
    expect(await kept(), 'while it is rented').toEqual([206, 205, 204, 203, 200])
    await store.keepProof(aProof(A, { block: 207, gpus: of(['rented', 'free']), at: NOW }))
    expect(await kept(), 'once it was proved again').toEqual([207, 206, 205, 204])
    for (let block = 208; block < 213; block++) await store.keepProof(aProof(A, { block, result: 'failed', gpus: [], at: NOW }))
    expect(await kept(), 'while nothing more can be proved').toEqual([212, 211, 210, 209, 207])
    await store.keepProof(aProof(A, { block: 213, result: 'failed', gpus: [], at: NOW + 7 * 24 * 3600_000 + 1 }))
    expect(await kept(), 'after seven days').toEqual([213, 212, 211, 210])
  })

  it('are no proofs from before a wrong one, and no more than a miner may need', async () => {
    const of = (uuid: string) => [{ uuid, model: 'NVIDIA H200', rentedMs: 0 }]
    for (let block = 200; block < 270; block++) await store.keepProof(aProof(A, { block, gpus: of(`GPU-${block}`), at: NOW }))
    expect((await store.proofs()).get(A)).toHaveLength(64)
    await store.keepProof(aProof(A, { block: 270, result: 'invalid', gpus: [], reason: 'wrong bits', at: NOW }))
    expect((await store.proofs()).get(A)?.map((p) => p.block)).toEqual([270, 269, 268, 267])
  })

  it('are a wrong proof too, until a good one follows', async () => {
    await store.keepProof(aProof(A, { block: 200, at: NOW }))
    await store.keepProof(aProof(A, { block: 201, result: 'invalid', gpus: [], reason: 'wrong bits', at: NOW }))
    for (let block = 202; block < 208; block++) await store.keepProof(aProof(A, { block, result: 'failed', gpus: [], at: NOW }))
    const kept = async () => (await store.proofs()).get(A)?.map((p) => p.block)
    expect(await kept()).toEqual([207, 206, 205, 204, 201])
    await store.keepProof(aProof(A, { block: 208, at: NOW }))
    expect(await kept()).toEqual([208, 207, 206, 205])
  })

  it('are the newest sixty challenges of each hotkey', async () => {
    const keep = (hotkey: string, success: boolean) => store.keepChallenge({ hotkey, success, elapsedMs: 1, at: NOW })
    for (let i = 0; i < 5; i++) await keep(A, false)
    for (let i = 0; i < 58; i++) await keep(A, true)
    await keep(B, false)
    expect(await store.liveness()).toEqual(
      new Map([
        [A, { attempts: 60, successes: 58 }],
        [B, { attempts: 1, successes: 0 }],
      ]),
    )
  })

  it('is replaced by what is new, and left alone by what is about others', async () => {
    await store.keepStats([aStat(A, { score: 1 }), aStat(B, { score: 2 })])
    await store.keepStats([aStat(A, { score: 3 })])
    expect([...(await store.stats()).values()].map((s) => [s.hotkey, s.score]).toSorted()).toEqual(
      [
        [A, 3],
        [B, 2],
      ].toSorted(),
    )
    await store.keepStats([])
    expect((await store.stats()).size).toBe(2)
    await store.keepProgress({ job: 'sync', block: 1, at: 1, trouble: 'x' })
    await store.keepProgress({ job: 'sync', block: 2, at: 2, trouble: null })
    expect(await store.progress()).toEqual(new Map([['sync', { job: 'sync', block: 2, at: 2, trouble: null }]]))
  })

  it('stays when what is to replace it cannot be written', async () => {
    await store.keepStats([aStat(A, { score: 1 })])
    await expect(store.keepStats([aStat(A, { score: 2 }), aStat(A, { score: 3 })])).rejects.toThrow(/validator\.db: .*UNIQUE/)
    await expect(store.keepStats([aStat(A, { score: NaN })])).rejects.toThrow(/finite/)
    expect((await store.stats()).get(A)?.score).toBe(1)
  })

  it('is never an older publication in place of a newer one', async () => {
    const of = (scores: number | null, penalties: number | null) => ({
      validator: A,
      scores: scores === null ? null : aPublication(A, scores),
      penalties: penalties === null ? null : { ...aPublication(A, penalties), penalties: [] },
    })
    const times = async () => (await store.peers()).map((p) => [p.scores?.at_ms, p.penalties?.at_ms])
    await store.keepPeers([of(5, null)])
    await store.keepPeers([of(4, 7)])
    expect(await times()).toEqual([[5, 7]])
    await store.keepPeers([of(6, null)])
    await store.keepPeers([])
    expect(await times()).toEqual([[6, 7]])
    const [stranger = ''] = hotkeys(3).slice(2)
    await store.keepPeers([{ validator: stranger, scores: aPublication(stranger, 5), penalties: null }])
    expect(await times(), 'nothing of whoever is not on the subnet').toEqual([[6, 7]])
  })
})

describe('a penalty', () => {
  it('holds from its beginning until its end, of a hotkey on the subnet or not, and is taken back', async () => {
    await store.penalize({ hotkey: A, reason: 'a', from: 100, until: 200 })
    await store.penalize({ hotkey: B, reason: 'b', from: 150, until: null })
    const at = async (ms: number) => [...(await store.penalties(ms)).keys()]
    expect(await at(99)).toEqual([])
    expect(await at(100)).toEqual([A])
    expect((await at(199)).toSorted()).toEqual([A, B].toSorted())
    expect(await at(200)).toEqual([B])
    expect(await at(150), 'what has expired is gone').toEqual([B])
    expect(await store.pardon(B)).toBe(true)
    expect(await store.pardon(B)).toBe(false)
    expect(await at(150)).toEqual([])
  })

  it('takes the place of the one before', async () => {
    await store.penalize({ hotkey: A, reason: 'a', from: 100, until: 200 })
    await store.penalize({ hotkey: A, reason: 'b', from: 100, until: null })
    expect([...(await store.penalties(300)).values()]).toEqual([{ hotkey: A, reason: 'b', from: 100, until: null }])
  })
})

describe('cycles', () => {
  it('come back as they were given and changed, newest first, over a restart', async () => {
    const cycle = aCycle({ versionKey: '18446744073709551615', salt: [1, 65_535] })
    const first = await store.newCycle(cycle)
    const second = await store.newCycle(aCycle())
    await store.changeCycle(first, { state: 'sending', deadBlock: 120, attempts: 1, reason: 'sent' })
    await reopen()
    expect((await store.cycles(10)).map((c) => c.id)).toEqual([second, first])
    expect((await store.cycles(10))[1]).toEqual({ ...cycle, id: first, state: 'sending', deadBlock: 120, attempts: 1, reason: 'sent' })
    expect(await store.cycles(1)).toHaveLength(1)
    await expect(store.changeCycle(99, { state: 'lost' })).rejects.toThrow(/no cycle 99/)
  })

  it('are kept fifty, and for ever while something may still come of them', async () => {
    const ids = new Map<string, number>()
    for (const state of CYCLE_STATES) ids.set(state, await store.newCycle(aCycle({ state })))
    for (let i = 0; i < 50; i++) await store.newCycle(aCycle({ state: 'confirmed' }))
    const kept = new Set((await store.cycles(1000)).map((c) => c.id))
    expect([...ids].filter(([, id]) => kept.has(id)).map(([state]) => state)).toEqual(['planned', 'sending', 'included', 'revealing'])
    expect(kept.size).toBe(54)
  })
})

describe('the file', () => {
  it('is for its owner only, with all that is beside it', async () => {
    await store.penalize({ hotkey: A, reason: 'a', from: 1, until: null })
    const names = await readdir(dir)
    expect(names).toContain('validator.db')
    for (const name of names) expect([name, (await stat(join(dir, name))).mode & 0o777]).toEqual([name, 0o600])
  })

  it('takes calls that come at once in their order', async () => {
    await store.follow([aNeuron(A, 0), aNeuron(B, 1)], NOW)
    const calls = Array.from({ length: 40 }, (_, i) => [
      store.keepStats([aStat(A, { score: i })]),
      store.stats().then((stats) => expect(stats.get(A)?.score).toBe(i)),
      store.keepProof(aProof(B, { block: 200 + i })),
      store.follow([aNeuron(A, i), aNeuron(B, i + 1)], NOW),
    ])
    await Promise.all(calls.flat())
    expect((await store.stats()).get(A)?.uid).toBe(39)
    expect((await store.proofs()).get(B)?.map((p) => p.block)).toEqual([239, 238, 237, 236])
  })

  it('goes on after a call that failed', async () => {
    const failed = store.changeCycle(1, { state: 'lost' })
    const next = store.penalize({ hotkey: A, reason: 'a', from: 1, until: null })
    await expect(failed).rejects.toThrow(/no cycle/)
    await next
    expect((await store.penalties(5)).size).toBe(1)
  })

  it('does what was asked for before it closes, and nothing after', async () => {
    const last = store.penalize({ hotkey: A, reason: 'a', from: 1, until: null })
    await Promise.all([store.close(), store.close(), last])
    await expect(store.penalties(5)).rejects.toThrow(/is closed/)
    store = await openStore(dir, log)
    expect((await store.penalties(5)).size).toBe(1)
  })

  it('takes as many miners as a subnet can have', async () => {
    const all = hotkeys(4096)
    await store.follow(
      all.map((h, uid) => aNeuron(h, uid)),
      NOW,
    )
    await store.keepStats(all.map((h) => aStat(h)))
    await store.keepSpecs(
      all.map((h) => aMiner(h)),
      NOW,
    )
    expect([(await store.stats()).size, (await store.specs()).size]).toEqual([4096, 4096])
  })
})
