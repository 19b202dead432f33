import { verify } from '@scure/sr25519'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../../../test/support/until.ts'
import { decodeHotkey, type Penalties, penaltiesStatement, type Scores, scores, scoresStatement } from '../../../schema/index.ts'
import { realClock } from '../../core/clock.ts'
import { ControlError } from '../../core/control.ts'
import { hotkeyFromSeed } from '../../core/hotkey.ts'
import { makeLog } from '../../core/log.ts'
import type { Meeting } from '../../core/meeting.ts'
import { makeSigner } from '../../core/signer.ts'
import type { Follow } from '../follow.ts'
import type { Penalty, Stat } from '../store/types.ts'
import { Publish, REPEAT_MS } from './publish.ts'

const signer = makeSigner(hotkeyFromSeed(new Uint8Array(32).fill(5)))
const miner = hotkeyFromSeed(new Uint8Array(32).fill(6)).address
const score = { gpus: { model: 'NVIDIA H200', count: 8 }, score: 100, allocated: false, ownScore: true, reliability: 1 }
const stat: Stat = { hotkey: miner, uid: 1, ...score, factors: { factors: [], note: null }, block: 7, at: 1 }

let nowMs: number
/** How far the wall clock is off. */
let offMs: number
let told: { scores: Scores[]; penalties: Penalties[] }
let stats: Stat[]
let punished: Penalty[]
let standing: string
let away: Error | null
let stop: AbortController
let publish: Publish
let ended: Promise<void>

beforeEach(() => {
  offMs = 0
  ;[nowMs, told, stats, punished, standing, away, stop] = [1_000_000, { scores: [], penalties: [] }, [stat], [], 'validator', null, new AbortController()]
  const take =
    <T>(list: T[]) =>
    async (body: T) => {
      if (away) throw away
      list.push(body)
      return { outcome: 'kept' as const, at_ms: nowMs }
    }
  publish = new Publish({
    control: { publishScores: take(told.scores), publishPenalties: take(told.penalties) },
    meeting: { ready: async () => undefined, failed: () => undefined } as unknown as Meeting,
    follow: {
      block: { number: 500, hash: '0x' },
      get view() {
        return { standing: { is: standing } }
      },
    } as unknown as Follow,
    store: { stats: async () => new Map(stats.map((s) => [s.hotkey, s])), penalties: async () => new Map(punished.map((p) => [p.hotkey, p])) },
    signer,
    netuid: 27,
    clock: { wallMs: () => nowMs + offMs, monotonicMs: () => nowMs, sleep: (ms, signal) => realClock.sleep(ms === Infinity ? ms : 1, signal) },
    log: makeLog('silent', 'test'),
  })
  ended = publish.run(stop.signal)
  ended.catch(() => undefined)
})
afterEach(async () => {
  stop.abort()
  await ended.catch(() => undefined)
})

/** So much later, after something may have changed. */
async function later(ms: number): Promise<void> {
  nowMs += ms
  publish.kick()
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('publishing', () => {
  it('signs what it says, so that whoever passes it on cannot change it', async () => {
    publish.kick()
    const said = await until('scores', () => told.scores[0])
    expect(scores.parse(said)).toMatchObject({ netuid: 27, validator: signer.address, block: 500, at_ms: 1_000_000 })
    expect(said.scores).toEqual([{ hotkey: miner, score: 100, gpus: { model: 'NVIDIA H200', count: 8 }, own: true }])
    const punishment = await until('penalties', () => told.penalties[0])
    const holds = (text: string, signature: string) =>
      verify(new TextEncoder().encode(text), Buffer.from(signature.slice(2), 'hex'), decodeHotkey(signer.address) ?? new Uint8Array())
    expect(holds(scoresStatement(said), said.signature)).toBe(true)
    expect(holds(penaltiesStatement(punishment), punishment.signature)).toBe(true)
    expect(holds(scoresStatement({ ...said, block: 501 }), said.signature)).toBe(false)
  })

  it('says the same again after ten minutes, and another thing at once', async () => {
    await later(0)
    await later(REPEAT_MS - 1)
    expect(told.scores).toHaveLength(1)
    await later(1)
    expect(told.scores).toHaveLength(2)
    stats = [{ ...stat, score: 50, ownScore: false }]
    await later(1)
    expect(told.scores.at(-1)?.scores).toMatchObject([{ score: 50, own: false }])
    punished = [{ hotkey: miner, reason: 'it lied', from: 5, until: null }]
    await later(1)
    expect(told.penalties.at(-1)?.penalties).toEqual([{ hotkey: miner, reason: 'it lied', from_ms: 5, until_ms: null }])
    expect(told.scores).toHaveLength(3)
  })

  it('says the same again also when the clock of the machine was put back', async () => {
    await later(0)
    offMs = -900_000
    await later(REPEAT_MS)
    expect(told.scores).toHaveLength(2)
  })

  it('says nothing before it has numbers, or while it is no validator', async () => {
    stats = []
    await later(0)
    expect(told.scores).toEqual([])
    ;[stats, standing] = [[stat], 'no_permit']
    await later(1)
    expect(told.scores).toEqual([])
  })

  it('tries again while the edge is away', async () => {
    away = new ControlError('network', 'nobody answers', true)
    await later(0)
    await until('it is missed', () => publish.trouble === 'nobody answers')
    away = null
    await later(10 * 60_000)
    await until('it is back', () => told.scores.length === 1 && publish.trouble === null)
    expect(publish.last).toMatchObject({ block: 500, rows: 1 })
  })
})
