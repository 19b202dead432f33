import { type ProofEvidence, type ProofVerdict, verdictStatement } from '../../../schema/index.ts'
import type { Signer } from '../../core/signer.ts'
import type { Judged } from './verdict.ts'

/** Which proof a verdict is of. */
export type Of = { netuid: number; proof: string; hotkey: string; block: number; at_ms: number }

type Kept = ProofEvidence['bundle']

/** Signed by the validator's hotkey, over the UTF-8 bytes of the statement. */
export function signVerdict(judged: Judged, of: Of, kept: Kept, signer: Signer): ProofVerdict {
  const { result, text, simulated, gpus, measured, confidence, runner_up, flags } = judged
  const said = { result, text, simulated, gpus, measured, confidence, runner_up, flags }
  const body = { ...of, validator: signer.address, ...said, bundle: kept && kept.digest }
  return { ...body, signature: signer.sign(new TextEncoder().encode(verdictStatement(body))) }
}

/** What is kept with the row. */
export function evidenceOf({ text, mismatch, measured, confidence, runner_up, flags }: Judged, proof: string, bundle: Kept): ProofEvidence {
  return { proof, text, mismatch, measured, confidence, runnerUp: runner_up, flags, bundle, lost: [] }
}
