import type { Sizes } from '../sizes.ts'
import type { Transcript } from '../transcript.ts'
import type { Verdict } from '../verdict.ts'

/** The script at the other end of whatever carries its lines: SSH, or a process of this machine. */
export interface Pipe {
  /** Rejects once it is broken. */
  write(text: string): Promise<void>
  /** What it says, until it ends. What is not read is not taken from it. Rejects once it is broken. */
  readonly output: AsyncIterable<Uint8Array>
  /** The end of what it wrote for people, for the reason of a failure. */
  errors(): string
  close(): void
}

export const PHASES = ['hello', 'ping', 'prep', 'wait', 'chain', 'sweep', 'roots', 'open'] as const
/** `wait`: everybody is ready, and the barrier is not open yet. */
export type Phase = (typeof PHASES)[number]

/** What is proved, chosen by the validator: so many GPUs in these sizes, and how long each timed part takes the slowest card that may pass. */
export type Task = { gpus: number; sizes: Sizes; chainMs: number; sweepMs: number }

/** What a session asks of whoever runs it, in this order. What one of them rejects with ends the session and is passed on. */
export type Hooks = {
  /** All GPUs are ready. Resolves at the moment to start, with a seed of 32 bytes that nobody knew before. */
  go: (signal: AbortSignal) => Promise<Uint8Array>
  /** Everything that can be asked for is fixed; `digest` (hex) is SHA-256 over it. Awaited before anything is opened. */
  committed: (digest: string, signal: AbortSignal) => Promise<void>
  /** Every line that the verdict rests on, as it is sent or comes, for the bundle. */
  heard?: (line: Heard) => void
}
/** `atMs`: of the session's clock, 0 at `go`. */
export type Heard = { from: 'us' | 'host'; atMs: number; line: string }

/** Milliseconds by our clock, less what the way there and back takes (at most 3 % of it). */
export type Times = { gpu: number; chainMs: number; sweepMs: number }

/** What one GPU was told and what it committed to. */
export type Committed = { gpu: number; nonce: Uint8Array; transcript: Transcript }

/**
 * `complete`: the verdict is certain: all was opened and looked at, or a mismatch was found, after which nothing more is read. `timeout`:
 * something did not come in time. `broken`: the connection or the script ended. `refused`: the script said it cannot. `malformed`: what came
 * is not the protocol. Only the first can be a proof, and only it can be a mismatch.
 */
export type Ended = 'complete' | 'timeout' | 'broken' | 'refused' | 'malformed'

export type SessionResult = {
  ended: Ended
  phase: Phase
  /** One sentence, with the phase and the host's own words where there are some. */
  text: string
  verdict: Verdict
  seed: Uint8Array | null
  committed: Committed[]
  /** Empty unless all GPUs got through both timed parts. */
  times: Times[]
  rttMs: number | null
  /** What the host says of each GPU: a claim. */
  claims: { gpu: number; name: string; mem: number; torch: string | null; engine: string | null }[]
  bytes: { in: number; out: number }
}
