/** Opens once; whoever waits passes then, and whoever comes later passes at once. */
export class Gate {
  readonly #opened = Promise.withResolvers<void>()

  open(): void {
    this.#opened.resolve()
  }

  /** Rejects when the signal fires first. */
  async passed(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const gone = Promise.withResolvers<void>()
    const onAbort = () => gone.reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([this.#opened.promise, gone.promise])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}
