import { Malformed } from '../fault.ts'

/** Pings, one at a time, and the shortest way there and back. It has no clock: times are told to it. */
export class Pings {
  #sent: { nonce: string; atMs: number; back: () => void } | null = null
  #rttMs: number | null = null

  /** Milliseconds of the quickest so far; null: none came back. */
  get rttMs(): number | null {
    return this.#rttMs
  }

  /** A ping goes out now. @returns when its pong is there */
  sent(nonce: Uint8Array, nowMs: number): Promise<void> {
    return new Promise((back) => {
      this.#sent = { nonce: Buffer.from(nonce).toString('hex'), atMs: nowMs, back }
    })
  }

  /** @throws Malformed when it answers no ping */
  pong(nonce: string, atMs: number): void {
    if (this.#sent?.nonce !== nonce) throw new Malformed('a pong that answers no ping')
    const { atMs: sentMs, back } = this.#sent
    this.#sent = null
    this.#rttMs = Math.min(this.#rttMs ?? Number.POSITIVE_INFINITY, atMs - sentMs)
    back()
  }
}
