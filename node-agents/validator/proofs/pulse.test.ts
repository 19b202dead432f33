import { describe, expect, it } from 'vitest'
import { Beacon } from '../../../local/chain/drand/beacon.ts'
import { realClock } from '../../core/clock.ts'
import { timeOf } from '../../core/chain/drand.ts'
import type { Pulse } from '../../core/chain/types.ts'
import { makeLog } from '../../core/log.ts'
import { pulseOf } from './pulse.ts'

/** Of drand's quicknet, as published. */
const PULSE: Pulse = {
  round: 1000,
  signature: 'b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39',
  randomness: 'fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd',
}
const log = makeLog('silent', 'test')
const never = new AbortController().signal
const seen = (pulse: Pulse | null, nowMs = timeOf(PULSE.round)) =>
  pulseOf({ pulse: async () => pulse }, { clock: { ...realClock, wallMs: () => nowMs }, log }, never)

describe('a pulse for a seed', () => {
  it('is one of drand that is out', async () => {
    expect([await seen(PULSE), await seen(PULSE)]).toEqual([PULSE, PULSE])
  })
  it('is none that comes out later by our clock: evidence would begin before what it hangs on', async () => {
    expect(await seen(PULSE, timeOf(PULSE.round) - 1)).toBeNull()
  })
  it('is none of a chain with a beacon of its own, or of an endpoint that lies', async () => {
    const { randomness, signature } = new Beacon().pulse(1000n)
    const own = { round: 1000, randomness: randomness.slice(2), signature: signature.slice(2) }
    for (const pulse of [own, { ...PULSE, round: 999 }, { ...PULSE, randomness: '00'.repeat(32) }]) expect(await seen(pulse)).toBeNull()
    expect(await seen(PULSE)).toEqual(PULSE)
  })
  it('is none where there is none', async () => {
    expect(await seen(null)).toBeNull()
    const away = { pulse: () => Promise.reject(new Error('away')) }
    expect(await pulseOf(away, { clock: realClock, log }, never)).toBeNull()
  })
})
