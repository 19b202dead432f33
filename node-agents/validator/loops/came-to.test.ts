import { expect, it } from 'vitest'
import { cameTo } from './came-to.ts'
import type { Outcome } from './proof.ts'

const tried = (uid: number, outcome: Outcome, reason: string | null = null) => ({ target: { hotkey: `hotkey-${uid}`, uid, miner: null }, outcome, reason })

it.each([
  [[], 'nobody was tried'],
  [[tried(1, 'valid', 'simulated'), tried(2, 'valid')], '2 valid'],
  [[tried(1, 'put_off', 'put off: 53 min too early'), tried(2, 'valid'), tried(3, 'put_off', 'else')], '2 put off (uid 1: 53 min too early), 1 valid'],
  [
    [tried(4, 'invalid', 'row 3'), tried(5, 'failed', 'silent'), tried(6, 'own_fault', "this validator's own fault: disk")],
    '1 INVALID (uid 4: row 3), 1 failed (uid 5: silent), 1 own fault (uid 6: disk)',
  ],
])('what tries came to', (tries, said) => expect(cameTo(tries)).toBe(said))
