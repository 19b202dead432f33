import type { StateMiner } from '../../../schema/index.ts'
import type { Block } from '../../core/chain/types.ts'
import { reason } from '../../core/mistake.ts'
import type { Clock, Proved, ProofTarget, Prover } from '../../core/ports.ts'
import type { NewProof } from '../store/types.ts'

/** What came of one try. `own_fault`: this validator could not do it, which says nothing of the miner. */
export type Outcome = Proved['result'] | 'own_fault'
export type Tried = { target: ProofTarget; outcome: Outcome; reason: string | null; durationMs: number; proof: NewProof | null }

export type ProofOptions = { prover: Prover; clock: Clock; timeoutMs: number; block: Block }

/** Whether every card of a miner works for somebody now: it is proved when they are free. */
export function isRented(miner: StateMiner | null): boolean {
  return miner !== null && miner.gpus.length > 0 && miner.gpus.every((g) => g.rented)
}

/** Proves one miner in the time it has. Rejects only when the signal fires. */
export async function tryProof(target: ProofTarget, options: ProofOptions, signal: AbortSignal): Promise<Tried> {
  const { clock, block } = options
  const from = clock.monotonicMs()
  try {
    const proved = await inTime(target, options, signal)
    const durationMs = Math.round(clock.monotonicMs() - from)
    const proof = { hotkey: target.hotkey, durationMs, block: block.number, at: clock.wallMs(), ...rowOf(proved, target.miner) }
    return { target, outcome: proved.result, reason: proof.reason ?? null, durationMs, proof }
  } catch (error) {
    signal.throwIfAborted()
    const durationMs = Math.round(clock.monotonicMs() - from)
    return { target, outcome: 'own_fault', reason: `this validator's own fault: ${reason(error)}`, durationMs, proof: null }
  }
}

/** Also a prover that does not listen to its signal holds nobody up for longer than the timeout. */
async function inTime(target: ProofTarget, { prover, clock, timeoutMs }: ProofOptions, signal: AbortSignal): Promise<Proved> {
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  const late = clock.sleep(timeoutMs, until).then((): Proved => ({ result: 'failed', reason: `no proof within ${timeoutMs / 1000} s` }))
  try {
    return await Promise.race([prover.prove(target, until), late])
  } finally {
    over.abort()
    late.catch(() => undefined) // it was not waited for
  }
}

/** Time that a card was rented counts from what the edge says of it now. */
function rowOf(proved: Proved, miner: StateMiner | null): Pick<NewProof, 'result' | 'gpus' | 'simulated' | 'reason'> {
  if (proved.result !== 'valid') return { result: proved.result, gpus: [], simulated: false, reason: proved.reason }
  const rentedMs = new Map(miner?.gpus.map((g) => [g.uuid, g.rented_ms]))
  const gpus = proved.gpus.map(({ uuid, model }) => ({ uuid, model, rentedMs: rentedMs.get(uuid) ?? 0 }))
  return { result: 'valid', gpus, simulated: proved.simulated, reason: null }
}
