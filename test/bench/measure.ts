/** One figure. `ratio` is value / the value of `to`, measured in the same run. */
export type Figure = { name: string; value: number; unit: string; to?: string; ratio?: number; n?: number; note?: string }

export type Bench = () => Promise<Figure[]>

/** The p-th quantile of a sample (0 … 1), nearest rank. */
export function quantile(sample: number[], p: number): number {
  const sorted = sample.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? Number.NaN
}

export const median = (sample: number[]) => quantile(sample, 0.5)

export const round = (value: number, digits = 2) => Number(value.toFixed(digits))

/** Milliseconds one call took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
