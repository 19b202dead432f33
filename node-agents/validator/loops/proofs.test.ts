import { describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import type { Neuron } from '../../core/chain/types.ts'
import { realClock } from '../../core/clock.ts'
import { makeLog } from '../../core/log.ts'
import { NotNow, type Proved, type Prover } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Patience } from '../proofs/plan.ts'
import type { NewProof, Progress, Proof, Spec } from '../store/types.ts'
import { FINISHED } from './evidence.ts'
import { NotYet } from './job.ts'
import { Places } from './places.ts'
import { Proofs, ROUND } from './proofs.ts'
import type { Queryable } from './queryable.ts'

const block = (number: number) => ({ number, hash: `0x${number}` })
const never = new AbortController().signal
const cardOf = (hotkey: string) => `card of ${hotkey}`
const valid = ({ hotkey }: { hotkey: string }): Proved => ({ result: 'valid', gpus: [{ uuid: cardOf(hotkey), model: 'NVIDIA H200' }], simulated: true })
const ONCE: Patience = { retries: 0, intervalMs: 1 }
const nameOf = (i: number) => `miner-${i}`

type Change = {
  begun?: Progress | null
  rented?: number[]
  unknown?: number[]
  excluded?: number[]
  timeoutMs?: number
  workers?: number
  full?: boolean
  patience?: Patience
  due?: number[]
  away?: boolean
  /** Who lists the same card. */
  same?: number[]
}

/** A round of so many miners, over what a store would keep. @param change `full`: the first scores cannot be kept */
function world(n: number, prove: Prover['prove'], change: Change = {}) {
  const {
    begun = null,
    rented = [],
    unknown = [],
    excluded = [],
    timeoutMs = 60_000,
    workers = 64,
    full = false,
    patience = ONCE,
    due = [],
    away = true,
    same = [],
  } = change
  const kept: NewProof[] = []
  const marks: Progress[] = []
  const all = Array.from({ length: n }, (_, i) => i)
  const neurons = all.map((uid) => ({ uid, hotkey: nameOf(uid) }) as Neuron)
  const gpu = (i: number) => ({ uuid: same.includes(i) ? 'the same' : cardOf(nameOf(i)), rented: rented.includes(i), rented_ms: 1000 + i })
  const known = all.filter((i) => !unknown.includes(i))
  const specs = new Map(known.map((i) => [nameOf(i), { miner: { hotkey: nameOf(i), gpus: [gpu(i)], proof_due: due.includes(i) } } as unknown as Spec]))
  const filtered = new Map(all.map((i) => [nameOf(i), { excluded: excluded.includes(i) ? 'outdated' : null }]))
  const store = {
    specs: async () => specs,
    proofs: async () => new Map(kept.map((p) => [p.hotkey, [p as Proof]])),
    keepProof: async (p: NewProof, since: number | null = null) => {
      const again = kept.findIndex((k) => since !== null && k.hotkey === p.hotkey && k.result === 'failed' && k.block >= since)
      if (again >= 0) kept.splice(again, 1)
      kept.push(p)
    },
    keepProgress: async (p: Progress) => void marks.push(p),
  }
  let rounds = 0
  const round = async () => {
    rounds++
    if (full && rounds === 1) throw new Error('the disk is full')
    return []
  }
  const proofs = new Proofs({
    prover: { prove },
    follow: { view: { metagraph: { neurons } } } as unknown as Follow,
    queryable: { of: () => filtered } as unknown as Queryable,
    market: { atMs: null, fetch: async () => (away ? Promise.reject(new Error('the edge is away')) : undefined) },
    scores: { round },
    store,
    places: new Places(workers),
    wave: Math.min(32, workers),
    classOf: () => 'a card',
    patience,
    timeoutMs,
    maxDelayMs: 0,
    every: 360,
    clock: realClock,
    log: makeLog('silent', 'test'),
    begun,
  })
  return { proofs, kept, marks, scored: () => rounds }
}

describe('a round of proofs', { timeout: 60_000 }, () => {
  it('of 255 good miners and one that never answers: nobody waits for it', async () => {
    const w = world(256, (target) => (target.hotkey === nameOf(3) ? new Promise(() => undefined) : Promise.resolve(valid(target))))
    const stop = new AbortController()
    const round = w.proofs.round(block(1000), stop.signal)
    await until('all others are kept', () => w.kept.length === 255)
    expect([...w.proofs.now]).toEqual([nameOf(3)])
    expect(w.kept.map((p) => p.result)).not.toContain('failed')
    stop.abort()
    await expect(round).rejects.toThrow()
    expect(w.kept, 'who is asked no more did not fail').toHaveLength(255)
  })

  it('gives a miner its time and no more, whether the prover listens or not', async () => {
    const w = world(2, (target) => (target.hotkey === nameOf(0) ? new Promise(() => undefined) : Promise.resolve(valid(target))), { timeoutMs: 50 })
    await w.proofs.round(block(1000), never)
    expect(w.kept.find((p) => p.hotkey === nameOf(0))).toMatchObject({ result: 'failed', reason: 'no proof within 0.05 s', gpus: [], block: 1000 })
    expect(w.kept.find((p) => p.hotkey === nameOf(1))).toMatchObject({
      result: 'valid',
      gpus: [{ uuid: cardOf(nameOf(1)), model: 'NVIDIA H200', rentedMs: 1001 }],
    })
    expect(w.scored()).toBe(1)
    expect(w.marks.slice(-2)).toMatchObject([
      { job: FINISHED, block: 1000, trouble: null },
      { job: ROUND, block: 1000, trouble: 'over' },
    ])
  })

  it('tells nothing where the edge is away and nobody can be proved, or while there are faults of its own', async () => {
    const away = world(2, async () => ({ result: 'failed', reason: 'no answer' }))
    await away.proofs.round(block(1000), never)
    expect(away.marks.map((m) => [m.job, m.trouble])).toEqual([
      [ROUND, null],
      [ROUND, 'over'],
    ])
    const broken = world(1, () => Promise.reject(new Error('no memory')))
    await expect(broken.proofs.round(block(1000), never)).rejects.toThrow(/still to be proved/)
    expect(broken.marks.map((m) => m.job)).toEqual([ROUND])
  })

  it('tells what it may though one miner breaks the prover again and again', async () => {
    const w = world(3, (target) => (target.hotkey === nameOf(1) ? Promise.reject(new Error('no such curve')) : Promise.resolve(valid(target))))
    await expect(w.proofs.round(block(1000), never)).rejects.toThrow(/^1 of 3/)
    expect(w.marks.map((m) => [m.job, m.block])).toEqual([
      [ROUND, 1000],
      [FINISHED, 1000],
    ])
    await expect(w.proofs.round(block(1001), never)).rejects.toThrow(/^1 of 1/)
    expect(w.marks.at(-1), 'it goes on').toMatchObject({ job: ROUND, block: 1000, trouble: null })
  })

  it('proves nobody twice because scores could not be kept', async () => {
    const w = world(2, async (target) => valid(target), { full: true })
    await expect(w.proofs.round(block(1000), never)).rejects.toThrow(/disk is full/)
    await w.proofs.round(block(1001), never)
    expect(w.kept).toHaveLength(2)
    expect(w.marks.at(-1)).toMatchObject({ job: ROUND, block: 1000, trouble: 'over' })
  })

  it('holds its own faults against nobody, and tries those miners alone again', async () => {
    const asked: string[] = []
    let broken = true
    const w = world(3, async (target) => {
      asked.push(target.hotkey)
      if (broken && target.hotkey === nameOf(1)) throw new Error('no memory')
      return valid(target)
    })
    await expect(w.proofs.round(block(1000), never)).rejects.toThrow(/^1 of 3 miners are still to be proved: this validator's own fault: no memory$/)
    expect(w.kept.map((p) => p.hotkey).toSorted()).toEqual([nameOf(0), nameOf(2)])
    expect(Object.fromEntries(w.proofs.outcomes)).toEqual({ valid: 2, own_fault: 1 })
    broken = false
    asked.length = 0
    await w.proofs.round(block(1001), never)
    expect(asked).toEqual([nameOf(1)])
    asked.length = 0
    await w.proofs.round(block(1361), never)
    expect(asked, 'the next round is a whole one').toHaveLength(3)
  })

  it('is for those who are free, included and known', async () => {
    const w = world(4, async (target) => valid(target), { rented: [0], unknown: [1], excluded: [2] })
    await w.proofs.round(block(1000), never)
    expect(w.kept.map((p) => p.hotkey)).toEqual([nameOf(3)])
    await expect(world(1, async (target) => valid(target), { rented: [0] }).proofs.round(block(1000), never)).rejects.toThrow(/no miner to prove/)
  })

  it.each<[string, number, number]>([
    ['goes on', 1100, 1],
    ['begins anew when that is long ago', 1360, 2],
  ])('that was cut short %s', async (_, at, more) => {
    const w = world(2, async (target) => valid(target), { begun: { job: ROUND, block: 1000, at: 0, trouble: null } })
    w.kept.push({ hotkey: nameOf(0), result: 'valid', gpus: [], simulated: true, durationMs: 1, block: 1050, at: 1 })
    await w.proofs.round(block(at), never)
    expect(w.kept).toHaveLength(1 + more)
  })

  it('tries again whom nothing could be proved of, and keeps one result of each', async () => {
    let tries = 0
    const patience = { retries: 5, intervalMs: 1 }
    const good = world(2, async (t) => (t.hotkey === nameOf(1) && ++tries < 4 ? { result: 'failed', reason: `try ${tries}` } : valid(t)), { patience })
    await good.proofs.round(block(1000), never)
    expect(good.kept.map((p) => [p.hotkey, p.result]).toSorted()).toEqual([[nameOf(0), 'valid'], [nameOf(1), 'valid']]) // prettier-ignore
    expect(Object.fromEntries(good.proofs.outcomes)).toEqual({ valid: 2, failed: 3 })
    tries = 0
    const bad = world(1, async () => ({ result: 'failed', reason: `try ${++tries}` }), { patience })
    await bad.proofs.round(block(1000), never)
    expect(bad.kept.map((p) => p.reason)).toEqual(['try 6'])
    tries = 0
    const wrong = world(1, async () => ({ result: 'invalid', reason: `try ${++tries}` }), { patience })
    await wrong.proofs.round(block(1000), never)
    expect(
      wrong.kept.map((p) => p.reason),
      'a mismatch is tested again in the next round',
    ).toEqual(['try 1'])
  })

  it('keeps nothing of whom it was not the time for, and asks again when it is', async () => {
    let [tries, ready] = [0, 2]
    const prove: Prover['prove'] = async (t) => (++tries < ready ? Promise.reject(new NotNow('rented', null)) : valid(t))
    const later = world(1, prove, { patience: { retries: 3, intervalMs: 1 } })
    await later.proofs.round(block(1000), never)
    expect([tries, later.kept.map((p) => p.result)]).toEqual([2, ['valid']])
    expect(later.marks.map((m) => m.job)).toContain(FINISHED)
    ;[tries, ready] = [0, 1000]
    const never_ = world(1, prove, { patience: { retries: 3, intervalMs: 1 }, away: false })
    await never_.proofs.round(block(1000), never)
    expect([tries, never_.kept]).toEqual([4, []])
    expect(never_.marks.map((m) => m.job), 'nobody looked: weights rest on no such round').not.toContain(FINISHED) // prettier-ignore
    expect(Object.fromEntries(never_.proofs.outcomes)).toEqual({ put_off: 4 })
    const tomorrow = world(1, async () => Promise.reject(new NotNow('proved already', 3600)), { patience: { retries: 3, intervalMs: 1 } })
    await tomorrow.proofs.round(block(1000), never)
    expect(Object.fromEntries(tomorrow.proofs.outcomes), 'which is not in this round').toEqual({ put_off: 1 })
  })

  it('starts those of one wave at the same moment', async () => {
    let [arrived, most] = [0, 0]
    const prove: Prover['prove'] = async (t, signal, seat) => {
      arrived++
      await seat?.arrive(signal)
      most = Math.max(most, arrived)
      expect(arrived, 'nobody starts before the last is there').toBe(10)
      return valid(t)
    }
    await world(10, prove).proofs.round(block(1000), never)
    expect(most).toBe(10)
  })

  it('takes a card from who lists it too and cannot show it', async () => {
    const gpus = [{ uuid: 'the same', model: 'NVIDIA H200' }]
    const prove: Prover['prove'] = async (t) => (t.hotkey === nameOf(1) ? { result: 'failed', reason: 'nothing there' } : { ...valid(t), gpus })
    const w = world(3, prove, { same: [0, 1] })
    await w.proofs.round(block(1000), never)
    const lost = w.kept.map((p) => [p.hotkey, p.evidence?.lost ?? []])
    expect(lost.toSorted()).toEqual([[nameOf(0), []], [nameOf(1), ['the same']], [nameOf(2), []]]) // prettier-ignore
  })

  it('keeps to so many at a time', async () => {
    let [now, most] = [0, 0]
    const w = world(
      20,
      async (target) => {
        most = Math.max(most, ++now)
        await new Promise((resolve) => setImmediate(resolve))
        now--
        return valid(target)
      },
      { workers: 3 },
    )
    await w.proofs.round(block(1000), never)
    expect([most, w.kept.length]).toEqual([3, 20])
  })
})

describe('between rounds', () => {
  it('those are proved whose cards were just given back, and no others', async () => {
    const w = world(3, async (t) => valid(t), { due: [1], away: false })
    await w.proofs.due(block(1000), never)
    expect(w.kept.map((p) => p.hotkey)).toEqual([nameOf(1)])
    expect([w.scored(), w.marks]).toEqual([1, []])
    await expect(world(1, async (t) => valid(t), { due: [0] }).proofs.due(block(1000), never)).rejects.toThrow(NotYet)
    await world(1, async () => Promise.reject(new Error('asked')), { away: false }).proofs.due(block(1000), never)
  })

  it('who is being proved already is left alone, and a fault of our own is told', async () => {
    const [held, { promise: release, resolve }] = [new Set<string>(), Promise.withResolvers<void>()]
    const prove: Prover['prove'] = async (t) => (held.add(t.hotkey), await release, valid(t))
    const w = world(1, prove, { due: [0], away: false })
    const round = w.proofs.round(block(1000), never)
    await until('it is being proved', () => held.size === 1)
    await w.proofs.due(block(1000), never)
    resolve()
    await round
    expect(w.kept).toHaveLength(1)
    const broken = world(1, async () => Promise.reject(new Error('no memory')), { due: [0], away: false })
    await expect(broken.proofs.due(block(1000), never)).rejects.toThrow(/given back are still to be proved: .*no memory/)
  })
})
