import { askAgent } from '../../node-agents/core/ask.ts'
import { explainAnswer } from '../../node-agents/validator/operator/answers.ts'
import { Forward } from './forward.ts'
import { hasten, patiently, type Watched } from './patience.ts'

/** The newest proof of a miner, which is valid. `simulated`: arithmetic was checked, and no speed. */
export type Shown = { uid: number; cards: number; ms: number; simulated: boolean }

/** How the cards of a stack were proved: not at all, by arithmetic, or by arithmetic and the clock. */
export type ProofKind = 'recorded' | 'simulated' | 'measured'

/**
 * Waits until the validator has a valid proof of each of these miners, and lets the chain go on faster meanwhile.
 * Rejects with a Mistake that says what is missing. @returns them in the order of the miners
 */
export async function proofsOf(watched: Watched): Promise<Shown[]> {
  const chain = new Forward(watched.chainUrl, watched.netuid)
  return patiently(watched.log, async () => {
    const found = await Promise.all(watched.miners.map((hotkey) => newest(watched.state, hotkey)))
    const shown = found.flatMap((f) => ('uid' in f ? [f] : []))
    if (shown.length === found.length) return { done: shown }
    await hasten(chain, watched)
    const why = found.flatMap((f, i) => ('missing' in f ? [`${watched.miners[i]} (${f.missing})`] : []))
    return { missing: `no valid proof of ${why.join(', ')}` }
  })
}

async function newest(state: string, miner: string): Promise<Shown | { missing: string }> {
  const { uid, proofs, why } = await askAgent(state, 'POST', '/explain', explainAnswer, { miner })
  const [proof] = proofs
  if (proof?.result === 'valid') return { uid, cards: proof.gpus.length, ms: proof.duration_ms, simulated: proof.simulated }
  return { missing: proof?.reason ?? why ?? 'it was not tried yet' }
}

/** Pure. @param recorded the validator was told what to believe */
export function kindOf(proofs: readonly Shown[], recorded: boolean): ProofKind {
  if (recorded) return 'recorded'
  return proofs.every((p) => !p.simulated) ? 'measured' : 'simulated'
}
