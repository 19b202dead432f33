/** No reorganisation is so deep: a chain that is so far back is another one, or began anew. */
const DEEP = 25

/** Blocks. */
const LONGEST = 25

/**
 * The block a job is due at. Pure. After a failure it is the next block, then the second, fourth and so on, five minutes later at most, and
 * never later than without the failure.
 * @param last block of the last run; null: none
 * @param failures runs that failed since the last that did not
 */
export function dueAt({ last, every, failures, head }: { last: number | null; every: number; failures: number; head: number }): number {
  if (last === null || last - head > DEEP) return 0
  return last + (failures === 0 ? every : Math.min(2 ** (failures - 1), LONGEST, every))
}
