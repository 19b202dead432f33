import { QUICKNET, type Beacon, timeOf } from '../../chain/drand.ts'
import { verifyPulse } from '../../chain/pulse.ts'
import type { Finding, Header } from './types.ts'

/** Whether anybody could have known the seed before the session began. */
export function freshness({ seed, goAtMs }: Header, beacon: Beacon = QUICKNET): Finding<'checked' | 'unknown' | 'wrong'> {
  const { pulse } = seed
  if (!pulse) return { result: 'unknown', text: 'unknown: the seed hangs on no drand pulse, so whoever made this file may have known it at any time before' }
  const outMs = timeOf(pulse.round, beacon)
  const what = `drand pulse ${pulse.round} of ${at(outMs)}`
  if (!verifyPulse(pulse, beacon)) return { result: 'wrong', text: `wrong: ${what} was never published like this` }
  if (goAtMs < outMs) return { result: 'wrong', text: `wrong: it is said to have begun at ${at(goAtMs)}, before ${what} that its seed hangs on` }
  return { result: 'checked', text: `checked: the seed hangs on ${what}, which nobody knew before; it is said to have begun ${seconds(goAtMs - outMs)} later` }
}

/** A moment as people read it; also of a number that is none. */
export function at(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'no time at all' : date.toISOString()
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
