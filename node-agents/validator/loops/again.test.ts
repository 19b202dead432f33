import { expect, it } from 'vitest'
import type { ProofTarget } from '../../core/ports.ts'
import { Again } from './again.ts'
import type { Tried } from './proof.ts'

const target = (hotkey: string): ProofTarget => ({ uid: 0, hotkey, miner: null })
const failed = (hotkey: string): Tried => ({ target: target(hotkey), outcome: 'failed', reason: null, durationMs: 0, proof: null, retryAfterS: null })
const free = ['a', 'b', 'c', 'd'].map(target)
const names = (targets: ProofTarget[]) => targets.map((t) => t.hotkey)

it('takes those who are due, with those who would be soon, and each once', () => {
  const again = new Again({ retries: 2, intervalMs: 1000 }, { fromMs: 0, horizon: 60_000 })
  again.after(failed('a'), 0)
  again.after(failed('b'), 400)
  again.after(failed('c'), 600)
  expect(again.nextInMs(600)).toBe(400)
  expect(names(again.take(free, 1000)), 'b is due within half an interval, and d was never tried').toEqual(['a', 'b'])
  expect(again.nextInMs(1000)).toBe(600)
})

it('gives nobody another chance who was not free when he was due', () => {
  const again = new Again({ retries: 2, intervalMs: 1000 }, { fromMs: 0, horizon: 60_000 })
  again.after(failed('a'), 0)
  expect(again.take([], 1000)).toEqual([])
  expect([again.nextInMs(1000), again.take(free, 5000)]).toEqual([null, []])
})
