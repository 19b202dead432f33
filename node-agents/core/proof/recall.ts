import { Malformed } from './fault.ts'
import { dueOpenings, type OpenRequest, openRequest } from './request.ts'
import { columnOfFirst, type Sample, type SweepCheck } from './sample.ts'
import type { Sizes } from './sizes.ts'

/**
 * The checks that a request was made for: `openRequest(dueOpenings(sample))` the other way round, for who checks a record again.
 * @param count of checks that such a machine gets
 * @throws Malformed when no sample of so many checks gives exactly this request, or the last round or step is left out
 */
export function sampleOf(request: OpenRequest, sizes: Sizes, count: { chain: number; sweep: number }): Sample {
  const { K, Q, r } = sizes
  const rows = request.rows.slice(0, Math.max(0, request.rows.length - count.sweep * r))
  const terms = request.rows.slice(rows.length)
  const sweep = Array.from({ length: count.sweep }, (_, k): SweepCheck => {
    const [q, lane] = request.u[2 * k] ?? [0, 0]
    return { q, lane, i: terms[k * r]?.[1] ?? 0 }
  })
  // Checks of the first round open one row instead of two, and stand before all others.
  const first = 2 * count.chain - rows.length
  const chain = Array.from({ length: count.chain }, (_, k) => {
    if (k < first) return { t: 0, a: rows[k]?.[1] ?? 0, i: columnOfFirst(k, sweep) }
    const [before, after] = [rows[2 * k - first], rows[2 * k - first + 1]]
    return { t: before?.[0] ?? 0, a: after?.[1] ?? 0, i: before?.[1] ?? 0 }
  })
  const sample = { chain, sweep }
  const isLast = chain.at(-1)?.t === K - 1 && sweep.at(-1)?.q === Q - 1
  if (!isLast || JSON.stringify(openRequest(dueOpenings(sample, sizes))) !== JSON.stringify(request)) throw new Malformed('a request that no sample gives')
  return sample
}
