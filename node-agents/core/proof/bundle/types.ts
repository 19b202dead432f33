import type { Pulse } from '../../chain/types.ts'
import type { Claim, Identity } from '../identify/types.ts'
import type { Ended, Phase, SessionResult, Times } from '../session/types.ts'
import type { Sizes } from '../sizes.ts'
import type { Check, GpuVerdict, Place } from '../verdict.ts'

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

/** What came of the session that a bundle is about. */
export type Outcome = {
  session: SessionResult
  claim: Claim
  /** Null: it was not timed to the end. */
  identity: Identity | null
  /** Date of the catalogue that the identity rests on. */
  catalog: string
}

/** A verdict on one GPU, without the words. */
export type GpuResult = { gpu: number; result: GpuVerdict['result']; mismatch: { check: Check; at: Place } | null }

/** An outcome as it stands in a bundle. */
export type End = {
  ended: Ended
  phase: Phase
  text: string
  verdict: { result: GpuVerdict['result']; text: string; gpus: GpuResult[] }
  times: Times[]
  rttMs: number | null
  claim: Claim
  identity: Identity | null
  catalog: string
}

/** The last line: `digest` is SHA-256 of all before it, which `by` signs as `compute/bundle/1`. */
export type Seal = { digest: string; by: string | null; signature: string | null }

/** One of the things that a bundle is checked for: what is known of it, and a sentence that says how. */
export type Finding<T extends string> = { result: T; text: string }

export type Report = {
  bytes: number
  /** SHA-256 of the whole file, as the signed verdict names it. */
  digest: string
  /** `changed`: not the bytes that were written, so nothing else was looked at. */
  file: Finding<'intact' | 'changed'>
  /**
   * Worked out again from what the host sent. `passed` and `mismatch`: exact. `incomplete`: not all of it came, so nothing is proved.
   * `unsound`: not the record of a session that proves anything, whatever it says.
   */
  arithmetic: Finding<'passed' | 'mismatch' | 'incomplete' | 'unsound' | 'unchecked'>
  /** `checked`: the seed hangs on a drand pulse, so nobody knew it before. `unknown`: it may have been known. */
  freshness: Finding<'checked' | 'unknown' | 'wrong' | 'unchecked'>
  /** Times cannot be checked afterwards: somebody vouches for them with a signature, or nobody does. */
  timing: Finding<'attested' | 'nobody' | 'wrong' | 'unchecked'>
  /** What the bundle concludes, and whether that follows from what is in it. */
  verdict: Finding<'follows' | 'wrong' | 'unchecked'>
  header: Header | null
  end: End | null
  /** SHA-256 over what the host committed to, as the edge noted it; null: it did not. */
  committed: string | null
  /** Nothing in it is wrong. Says nothing of what it concludes, which may be that nothing was proved. */
  holds: boolean
}
