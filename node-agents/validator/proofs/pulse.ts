import { timeOf } from '../../core/chain/drand.ts'
import { verifyPulse } from '../../core/chain/pulse.ts'
import type { Pulse } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import type { Chain, Clock } from '../../core/ports.ts'

/** Everybody else waits at the barrier meanwhile. */
const PATIENCE_MS = 2000

/**
 * The newest drand pulse on the chain, or null: a chain that is away or has none costs a seed nothing but its date. So does one that
 * drand never published, from a chain with a beacon of its own or an endpoint that lies, or that is not out yet by our clock: evidence
 * that hangs on it would be wrong. Rejects only when told to stop.
 */
export async function pulseOf(chain: Pick<Chain, 'pulse'>, { clock, log }: { clock: Clock; log: Log }, signal: AbortSignal): Promise<Pulse | null> {
  const over = new AbortController()
  const late = clock.sleep(PATIENCE_MS, AbortSignal.any([signal, over.signal])).then(() => null)
  const read = chain.pulse().then(
    (pulse) => {
      if (!pulse || stands(pulse, clock.wallMs())) return pulse
      log.debug({ round: pulse.round }, 'the pulse on the chain is none of drand, or of a later time: the seed goes without')
      return null
    },
    (error: unknown) => {
      log.debug({ err: error }, 'the chain shows no pulse: the seed goes without')
      return null
    },
  )
  try {
    return await Promise.race([read, late])
  } finally {
    over.abort()
    late.catch(() => undefined) // nobody waits for it any more
  }
}

/** The last one that was looked at: all of a wave read the same, and checking takes 30 ms in which no other clock is read. */
let last: { pulse: Pulse; isDrands: boolean } | null = null

function stands(pulse: Pulse, nowMs: number): boolean {
  if (!last || JSON.stringify(last.pulse) !== JSON.stringify(pulse)) last = { pulse, isDrands: verifyPulse(pulse) }
  return last.isDrands && timeOf(pulse.round) <= nowMs
}
