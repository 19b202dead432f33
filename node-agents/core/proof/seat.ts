/** A place among those who are proved at the same moment. */
export interface Seat {
  /** Resolves when everybody who is expected is there or gave up, or was waited for long enough. Rejects when the signal fires. */
  arrive(signal: AbortSignal): Promise<void>
  /** It will not come, or is done: nobody waits for it any more. */
  leave(): void
}
