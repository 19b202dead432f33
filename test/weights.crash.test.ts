import { describe, expect, test } from 'vitest'
import type { CyclesDeps } from '../node-agents/validator/weights/cycles.ts'
import { until } from './support/until.ts'
import { type Setting, Weighing } from './support/weights.ts'

/** A validator dies at every point where it has just changed something, or is about to, and another one goes on from the disk and the chain. */

const EFFECTS = ['newCycle', 'changeCycle', 'setWeights', 'commitTimelocked', 'commitWeights', 'revealWeights']
const never = new AbortController().signal

class Crash extends Error {}

type Call = (...args: unknown[]) => Promise<unknown>

/** The process ends before the nth change from now on, which is just after the one before it. @returns how to see whether it came so far */
function dying(w: Weighing, nth: number) {
  let n = 0
  const watched = <T extends object>(of: T): T =>
    new Proxy(of, {
      get: (to, name) => {
        const value = Reflect.get(to, name) as unknown
        if (typeof value !== 'function' || !EFFECTS.includes(String(name))) return value
        return async (...args: unknown[]) => {
          if (n++ === nth) throw new Crash()
          return await (value as Call).apply(to, args)
        }
      },
    })
  const change: Partial<CyclesDeps> = { chain: watched(w.chain), store: watched(w.store) }
  return { cycles: w.cycles(change), died: () => n > nth }
}

async function untilDead(w: Weighing, nth: number): Promise<boolean> {
  const { cycles, died } = dying(w, nth)
  try {
    await w.walk(cycles, ({ states }) => states[0] === 'confirmed')
  } catch (error) {
    if (!(error instanceof Crash)) throw error
  }
  return died()
}

const MODES: [string, Setting, string][] = [
  ['plain', {}, 'WeightsSet'],
  ['timelocked', { commitReveal: true }, 'TimelockedWeightsCommitted'],
  ['hash', { commitReveal: true, version: 3 }, 'WeightsCommitted'],
]

describe('a validator that dies while it sets weights', { timeout: 300_000 }, () => {
  test.each(MODES)('sets them once, whenever that is: %s', async (_, setting, event) => {
    let points = 0
    for (let alive = false; !alive; points++) {
      const w = await Weighing.make(setting)
      alive = !(await untilDead(w, points))
      await w.walk(w.cycles(), ({ states }) => states[0] === 'confirmed')
      const story = `before change ${points}: ${w.states.join(', ')}`
      expect(await w.events(), story).toMatchObject({ [event]: 1, WeightsSet: 1 })
      expect(
        w.states.slice(1).filter((s) => s !== 'lost' && s !== 'dropped'),
        story,
      ).toEqual([])
      expect(w.store.rows.length, story).toBeLessThanOrEqual(2)
    }
    expect(points).toBeGreaterThanOrEqual(5)
  })

  test('while they wait in the pool: the next one waits too, and finds them', async () => {
    const w = await Weighing.make()
    await w.blocks(18)
    await w.control.stall({ heads: true, finality: true })
    const end = new AbortController()
    const cycles = w.cycles()
    const { number } = await w.control.newBlocks(0)
    while (w.states[0] !== 'sending') {
      await w.blocks(1, false)
      const step = cycles.step(end.signal)
      let over = false
      const watched = step.then(
        () => (over = true),
        () => (over = true),
      )
      await until('the end of the step, or weights in the pool', async () => over || (await w.pooled()) > 0)
      if (over) {
        await step
        continue
      }
      end.abort()
      await watched
      await expect(step).rejects.toMatchObject({ name: 'AbortError' })
    }
    const next = w.cycles()
    await next.step(never)
    expect(w.states).toEqual(['sending'])
    await w.control.resume()
    await w.walk(next, ({ states }) => states[0] === 'confirmed')
    expect(w.states).toEqual(['confirmed'])
    expect(await w.events()).toMatchObject({ WeightsSet: 1 })
    expect(w.store.rows[0]?.includedBlock).toBeGreaterThan(number)
  })
})
