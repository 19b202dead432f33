import type { Pulse } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import type { Chain, Clock } from '../../core/ports.ts'

/** Everybody else waits at the barrier meanwhile. */
const PATIENCE_MS = 2000

/** The newest drand pulse on the chain, or null: a chain that is away or has none costs a seed nothing but its date. Rejects only when told to stop. */
export async function pulseOf(chain: Pick<Chain, 'pulse'>, { clock, log }: { clock: Clock; log: Log }, signal: AbortSignal): Promise<Pulse | null> {
  const over = new AbortController()
  const late = clock.sleep(PATIENCE_MS, AbortSignal.any([signal, over.signal])).then(() => null)
  const read = chain.pulse().catch((error: unknown) => {
    log.debug({ err: error }, 'the chain shows no pulse: the seed goes without')
    return null
  })
  try {
    return await Promise.race([read, late])
  } finally {
    over.abort()
    late.catch(() => undefined) // nobody waits for it any more
  }
}
