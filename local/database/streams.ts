import { randomBytes } from 'node:crypto'
import { Connection } from './connection.ts'
import { ProtocolError } from './errors.ts'
import { WriteQueue } from './queue.ts'
import { Stream } from './stream.ts'

/** A stream nobody asked anything of for this long is closed, and its transaction rolled back. */
const IDLE_MS = 10_000
const POOLED = 32

export type Stats = { requests: number; waits: number; timeouts: number; expired: number }

/** All open streams: the one place that hands out connections and batons. */
export class Streams {
  readonly #file: string
  readonly #stats: Stats
  readonly #pool: Connection[] = []
  readonly #live = new Set<Stream>()
  readonly #parked = new Map<string, { stream: Stream; timer: NodeJS.Timeout }>()
  readonly #queue: WriteQueue

  /** Opens the file at once. @throws what SQLite says when it cannot be opened or written */
  constructor(file: string, stats: Stats) {
    this.#file = file
    this.#stats = stats
    this.#queue = new WriteQueue(
      () => this.#evict(),
      () => (stats.waits += 1),
    )
    const first = new Connection(file)
    this.#pool.push(first)
    first.probe()
  }

  /** A new stream, or the one parked under a baton. A baton is good for one request. */
  take(baton: string | null | undefined): Stream {
    if (!baton) {
      const stream = new Stream(this.#pool.pop() ?? new Connection(this.#file), this.#queue)
      this.#live.add(stream)
      return stream
    }
    const parked = this.#parked.get(baton)
    if (!parked) throw new ProtocolError('Received an invalid or expired baton')
    this.#parked.delete(baton)
    clearTimeout(parked.timer)
    return parked.stream
  }

  /** Keeps a stream for its client's next request. Returns the baton that gets it back. */
  park(stream: Stream): string {
    const baton = randomBytes(18).toString('base64url')
    const timer = setTimeout(() => {
      this.#parked.delete(baton)
      this.#stats.expired += 1
      this.end(stream)
    }, IDLE_MS)
    this.#parked.set(baton, { stream, timer: timer.unref() })
    return baton
  }

  /** Rolls back what is open and gives the connection to the next stream. */
  end(stream: Stream): void {
    this.#live.delete(stream)
    stream.connection.reset()
    if (this.#pool.length < POOLED) this.#pool.push(stream.connection)
    else stream.connection.close()
    this.#queue.released()
  }

  /** Whoever waits is sent away; call `close` when the last pipeline has been answered. */
  drain(): void {
    this.#queue.close()
  }

  close(): void {
    for (const { timer } of this.#parked.values()) clearTimeout(timer)
    this.#parked.clear()
    for (const stream of this.#live) stream.connection.close()
    for (const connection of this.#pool) connection.close()
  }

  #evict(): void {
    const now = Date.now()
    for (const stream of this.#live) if (stream.evict(now)) this.#stats.timeouts += 1
  }
}
