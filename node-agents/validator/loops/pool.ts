/** Does the work for each item, so many at the same time, in the order given. Rejects with the first failure once all that run have ended. */
export async function inPool<T>(items: readonly T[], workers: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  const ends = await Promise.allSettled(Array.from({ length: Math.min(workers, items.length) }, worker))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
