import type { Pulse } from '../../chain/types.ts'
import type { Sizes } from '../sizes.ts'

/** What the seed is made of: SHA-256 over `fresh` and everything that binds it to one session. All hex or plain text. */
export type SeedParts = {
  /** 32 bytes of the validator's own randomness. */
  fresh: string
  /** The newest drand pulse on the chain; null: the chain had none. */
  pulse: Pulse | null
  validator: string
  miner: string
  /** SHA256:… of the host key that was pinned. */
  hostKey: string
  /** Id of the proof, which no other has. */
  round: string
}

/** The first line of a bundle. */
export type Header = {
  v: 1
  seed: SeedParts
  sizes: Sizes
  gpus: number
  /** Wall clock of the one that ran it, ms since 1970, when it sent `go`. */
  goAtMs: number
  /** Hotkey that signs; null: a trial on a host of one's own, which nobody vouches for. */
  by: string | null
}
