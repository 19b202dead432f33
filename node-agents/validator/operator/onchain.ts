import { ChainError } from '../../core/chain/errors.ts'
import type { WeightRow } from '../../core/chain/types.ts'
import type { Clock } from '../../core/ports.ts'
import type { Cycle } from '../store/types.ts'
import type { Desk } from './desk.ts'

/** The asker waits ten seconds, and wants an answer also when the chain gives none. */
const PATIENCE_MS = 6000

/** Something read from the chain now, or why it could not be. */
export type Reading<T> = { value: T; trouble: null } | { value: null; trouble: string }

/** Reads while the operator waits. What is no fault of the chain is thrown. */
export async function readNow<T>({ chain, clock }: Pick<Desk, 'chain' | 'clock'>, read: () => Promise<T>): Promise<Reading<T>> {
  const { endpoint, trouble } = chain.status()
  if (endpoint === null) return { value: null, trouble: `the chain does not answer${trouble ? `: ${trouble}` : ''}` }
  try {
    return { value: await inTime(clock, read()), trouble: null }
  } catch (error) {
    if (error instanceof ChainError) return { value: null, trouble: error.message }
    throw error
  }
}

async function inTime<T>(clock: Clock, reading: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = clock.sleep(PATIENCE_MS, done.signal).then(() => {
    throw new ChainError('Late', 'connection', `the chain did not answer within ${PATIENCE_MS / 1000} s`, true)
  })
  try {
    return await Promise.race([reading, late])
  } finally {
    done.abort()
    late.catch(() => undefined) // nobody waits for it any more
  }
}

/** Shares of the sum, by uid. */
export function sharesOf(row: WeightRow): Map<number, number> {
  const sum = row.reduce((all, [, value]) => all + value, 0)
  return new Map(row.map(([uid, value]) => [uid, sum === 0 ? 0 : value / sum]))
}

/** What a cycle wants, as shares of the sum by uid. */
export function wantedBy({ uids, values }: Cycle): Map<number, number> {
  return sharesOf(uids.map((uid, i) => [uid, values[i] ?? 0]))
}
