import type { ProofGpu, ProofVerdict } from '../../../schema/index.ts'
import type { Claim, Identity } from '../../core/proof/identify/types.ts'
import type { SessionResult } from '../../core/proof/session/types.ts'
import type { Proved } from '../../core/ports.ts'
import { oneLine } from '../../core/text.ts'
import type { Proof } from '../store/types.ts'

/** Bounds of `proofVerdict`: what the edge takes. */
const MOST = { text: 500, model: 64, flags: 16, flag: 200 } as const

type Said = Pick<ProofVerdict, 'result' | 'text' | 'simulated' | 'gpus' | 'measured' | 'confidence' | 'runner_up' | 'flags'>

/** What a proof says. `mismatch`: arithmetic that is wrong, exactly. */
export type Judged = Said & { mismatch: boolean }

const NOTHING = { simulated: false, gpus: [], measured: null, confidence: null, runner_up: null, flags: [], mismatch: false }

/** Text of a miner's own making stays one short line. */
const fit = (text: string, most: number = MOST.text) => oneLine(text).trim().slice(0, most)

/** Nothing was proved, and nothing was proved wrong. Pure. */
export function failed(text: string): Judged {
  return { ...NOTHING, result: 'failed', text: fit(text) || 'it did not say why' }
}

/**
 * What a session is worth. Pure. Only an exact mismatch is invalid, and one that was found counts though the rest did not come: it may be an
 * error of the hardware the first time, and is *cheating* when one was found before, in another session, and no proof held in between.
 * @param cards that were proved, by the edge's list @param identity of what was measured; null: nothing was
 */
export function judged(
  session: SessionResult,
  identity: Identity | null,
  { claim, cards, before }: { claim: Claim; cards: readonly ProofGpu[]; before: boolean },
): Judged {
  const { ended, verdict, text } = session
  if (verdict.result === 'mismatch') return { ...NOTHING, result: 'invalid', mismatch: true, text: fit(mismatchText(verdict.text, before)) }
  if (ended !== 'complete') return failed(text)
  if (verdict.result !== 'passed') return failed(`the session is over, and not all holds: ${verdict.text}`)
  if (!identity) return failed('its arithmetic holds, and nothing was measured')
  return identified(identity, claim, cards)
}

function mismatchText(what: string, before: boolean): string {
  return before
    ? `cheating: a second mismatch in an independent session: ${what}`
    : `a mismatch, the first: ${what}; hardware that makes errors would look the same, and the next proof tells`
}

function identified({ result, model, measured, confidence, runnerUp, flags, text }: Identity, claim: Claim, cards: readonly ProofGpu[]): Judged {
  const numbers = { measured, confidence, runner_up: runnerUp && fit(runnerUp, MOST.model), flags: flags.slice(0, MOST.flags).map((f) => fit(f, MOST.flag)) }
  if (model === null || result === 'refused') return { ...failed(text), ...numbers }
  const name = fit(result === 'simulated' ? claim.model : model, MOST.model)
  const gpus = cards.map(({ uuid }) => ({ uuid, model: name }))
  return { ...numbers, result: 'valid', text: fit(text) || 'proved', simulated: claim.simulated, gpus, mismatch: false }
}

/** What the round keeps of it. Pure. @param cards as the edge had them when it took them for the proof: a reading from before may be hours old */
export function provedOf({ result, text, gpus, simulated }: Judged, cards: readonly ProofGpu[]): Proved {
  if (result !== 'valid') return { result, reason: text }
  const rentedMs = new Map(cards.map((c) => [c.uuid, c.rented_ms]))
  return { result, gpus: gpus.map((g) => ({ ...g, rentedMs: rentedMs.get(g.uuid) ?? 0 })), simulated }
}

/** Whether a mismatch stands against a miner already: one since its last valid proof. Pure. @param proofs newest first */
export function mismatchStands(proofs: readonly Pick<Proof, 'result' | 'evidence'>[]): boolean {
  const since = proofs.findIndex((p) => p.result === 'valid')
  return (since === -1 ? proofs : proofs.slice(0, since)).some((p) => p.evidence?.mismatch === true)
}
