/** One thing at a time for each key, in the order they came; different keys do not wait for each other. */
export class Queue {
  readonly #last = new Map<string, Promise<unknown>>()

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const done = before.then(work, work)
    const tail = done.catch(() => undefined).finally(() => this.#last.get(key) === tail && this.#last.delete(key))
    this.#last.set(key, tail)
    return done
  }
}
