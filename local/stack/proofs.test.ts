import { expect, test } from 'vitest'
import { kindOf } from './proofs.ts'

const proof = (simulated: boolean) => ({ uid: 2, cards: 8, ms: 900, simulated })

test.each([
  ['measured', [proof(false), proof(false)], false],
  ['simulated', [proof(true), proof(true)], false],
  ['simulated', [proof(false), proof(true)], false],
  ['recorded', [proof(false)], true],
  ['recorded', [proof(true)], true],
])('how the cards were proved: %s', (kind, proofs, recorded) => expect(kindOf(proofs, recorded)).toBe(kind))
