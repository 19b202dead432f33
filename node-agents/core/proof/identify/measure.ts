import type { Measured } from '../../../../schema/index.ts'
import type { Times } from '../session/types.ts'
import type { Sizes } from '../sizes.ts'

/** Operations of the whole chain of one GPU: K products of n × n, a multiplication and an addition each. */
export const chainOps = ({ n, K }: Sizes): number => 2 * n ** 3 * K
/** Bytes of states that the whole sweep of one GPU reads. */
export const sweepBytes = ({ n, r, Q }: Sizes): number => Q * r * n ** 2

/**
 * What the slowest GPU did in the time it took: 10^12 operations a second, 10^9 bytes a second, 10^9 bytes that it kept.
 * @param times of all GPUs, each more than 0 ms
 */
export function measure(times: Times[], sizes: Sizes): Measured {
  const slowest = (name: 'chainMs' | 'sweepMs'): number => Math.max(...times.map((t) => t[name]))
  const all = times.flatMap((t) => [t.chainMs, t.sweepMs])
  if (all.length === 0 || !all.every((ms) => Number.isFinite(ms) && ms > 0)) throw new RangeError(`times of GPUs: ${all.join(', ') || 'none'}`)
  return {
    tops: chainOps(sizes) / (slowest('chainMs') / 1000) / 1e12,
    gbs: sweepBytes(sizes) / (slowest('sweepMs') / 1000) / 1e9,
    vram_gb: (sizes.K * sizes.n ** 2) / 1e9,
  }
}
