import type { Measured } from './proof.ts'

/** What a proof leaves behind at the validator that made it, for people and for whoever checks it again. */
export type ProofEvidence = {
  /** Id of the proof at the edge; null: it never began. */
  proof: string | null
  /** One sentence. */
  text: string
  /** Arithmetic that is wrong, exactly: the one thing that makes a proof invalid. */
  mismatch: boolean
  measured: Measured | null
  confidence: number | null
  runnerUp: string | null
  flags: string[]
  /** Name of its file, and SHA-256 of it; null: none was kept. */
  bundle: { file: string; digest: string } | null
  /** Cards that another miner, who lists them too, showed at the same moment, and this one did not. */
  lost: string[]
}
