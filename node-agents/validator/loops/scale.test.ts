import { expect, it } from 'vitest'
import { StillClock } from '../../../test/support/still-clock.ts'
import type { Proved, Prover } from '../../core/ports.ts'
import { shuffled, wavesOf } from '../proofs/plan.ts'
import { Quiet } from '../proofs/quiet.ts'
import { Places } from './places.ts'
import type { Tried } from './proof.ts'
import { proveWave } from './wave.ts'

const MINERS = 256
const MODELS = 3
const PLACES = 64
/** Seconds of the validator's time until it is ready, and to check it. */
const KINDS = {
  good: { readyS: 20, openS: 8 },
  late: { readyS: 120, openS: 8 },
  /** Opens over a line of 2 Mbit/s. */
  thin: { readyS: 20, openS: 90 },
  /** Its container never comes up. */
  silent: { readyS: 150, openS: 0 },
}
const TIMED_MS = 8000
type Kind = keyof typeof KINDS
/** By uid, so that each model has its share of all. */
const kindOf = (uid: number): Kind => (uid < 32 ? 'silent' : uid < 64 ? 'late' : uid < 80 ? 'thin' : 'good')

/** Proves in no time of this machine; says how long each waited for others before its clock started, and how many were at it together. */
function provers(clock: StillClock) {
  const quiet = new Quiet(clock)
  const seen = { waited: new Array<number>(), now: 0, most: 0 }
  const prove: Prover['prove'] = async ({ uid }, signal, seat) => {
    const { readyS, openS } = KINDS[kindOf(uid)]
    const who = {}
    seen.most = Math.max(seen.most, ++seen.now)
    try {
      await clock.sleep(1000 * (readyS + (uid % 10)), signal)
      if (openS === 0) return { result: 'failed', reason: 'its container was not ready' }
      const from = clock.monotonicMs()
      await seat?.arrive(signal)
      await quiet.timed(who, signal)
      seen.waited.push(clock.monotonicMs() - from)
      await clock.sleep(TIMED_MS, signal)
      await quiet.checked(who, signal)
      await clock.sleep(1000 * openS, signal)
    } finally {
      quiet.over(who)
      seen.now--
    }
    return { result: 'valid', gpus: [], simulated: false } satisfies Proved
  }
  return { prove, seen }
}

/** Lets time pass until it is over. */
async function pass(clock: StillClock, work: Promise<unknown>): Promise<void> {
  const moment = async () => {
    for (let turns = 0; turns < 8; turns++) await new Promise((resolve) => setImmediate(resolve))
    return 'more'
  }
  while ((await Promise.race([work.then(() => 'over'), moment()])) === 'more') clock.pass(1000)
}

it('a round of 256, of whom 32 are silent, 32 late and 16 slow, proves all others within minutes', { timeout: 60_000 }, async () => {
  const clock = new StillClock()
  const { prove, seen } = provers(clock)
  const targets = Array.from({ length: MINERS }, (_, uid) => ({ uid, hotkey: `miner-${uid}`, miner: null }))
  const waves = wavesOf(shuffled(targets, Math.random), { classOf: ({ uid }) => `model ${uid % MODELS}`, together: [], most: 32 })
  const tried: Tried[] = []
  const watch = { began: () => undefined, ended: async (one: Tried) => void tried.push(one) }
  const d = { prover: { prove }, places: new Places(PLACES), clock, timeoutMs: 300_000 }
  const never = new AbortController().signal
  await pass(clock, Promise.all(waves.map((wave) => proveWave(wave, { number: 1, hash: '0x1' }, { groups: [], watch }, d, never))))

  const of = (outcome: string) => tried.filter((t) => t.outcome === outcome).map((t) => t.target.uid)
  expect(tried).toHaveLength(MINERS)
  expect(of('failed').every((uid) => kindOf(uid) === 'silent')).toBe(true)
  expect(of('valid')).toHaveLength(MINERS - 32)
  expect(Math.max(...seen.waited), 'at the barrier, and while others are checked').toBeLessThanOrEqual(60_000 + 20_000)
  expect(seen.most, 'at the same time').toBeLessThanOrEqual(PLACES)
  expect(clock.monotonicMs(), 'in half the time to the next round').toBeLessThan(18 * 60_000)
})
