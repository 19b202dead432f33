import type { StateMiner } from '../../../schema/index.ts'
import type { Block } from '../../core/chain/types.ts'
import { reason } from '../../core/mistake.ts'
import { type Clock, NotNow, type Proved, type Prover, type ProofTarget } from '../../core/ports.ts'
import type { Seat } from '../../core/proof/seat.ts'
import type { NewProof } from '../store/types.ts'

/** What came of one try. `put_off`: it was not the time. `own_fault`: this validator could not do it. Neither says anything of the miner. */
export type Outcome = Proved['result'] | 'put_off' | 'own_fault'
export type Tried = {
  target: ProofTarget
  outcome: Outcome
  reason: string | null
  durationMs: number
  /** Null: there is nothing to keep. */
  proof: NewProof | null
  /** When the edge says that it may work, where it was put off. */
  retryAfterS: number | null
}

export type ProofOptions = { prover: Prover; clock: Clock; timeoutMs: number; block: Block; seat?: Seat }

/** What a prover that was told to stop has to let go of what it holds. */
const GRACE_MS = 4000

/** Whether every card of a miner works for somebody now: it is proved when they are free. */
export function isRented(miner: StateMiner | null): boolean {
  return miner !== null && miner.gpus.length > 0 && miner.gpus.every((g) => g.rented)
}

/** Proves one miner in the time it has. Rejects only when the signal fires. */
export async function tryProof(target: ProofTarget, options: ProofOptions, signal: AbortSignal): Promise<Tried> {
  const { clock, block } = options
  const from = clock.monotonicMs()
  const tried = (outcome: Outcome, why: string | null, proof: NewProof | null, retryAfterS: number | null = null): Tried => {
    return { target, outcome, reason: why, durationMs: Math.round(clock.monotonicMs() - from), proof, retryAfterS }
  }
  try {
    const proved = await inTime(target, options, signal)
    const durationMs = Math.round(clock.monotonicMs() - from)
    const proof = { hotkey: target.hotkey, durationMs, block: block.number, at: clock.wallMs(), ...rowOf(proved, target.miner) }
    return tried(proved.result, proof.reason ?? null, proof)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof NotNow) return tried('put_off', `put off: ${error.message}`, null, error.retryAfterS)
    return tried('own_fault', `this validator's own fault: ${reason(error)}`, null)
  } finally {
    options.seat?.leave()
  }
}

/** Also a prover that does not listen to its signal holds nobody up for longer than the timeout. */
async function inTime(target: ProofTarget, { prover, clock, timeoutMs, seat }: ProofOptions, signal: AbortSignal): Promise<Proved> {
  const over = new AbortController()
  const until = AbortSignal.any([signal, over.signal])
  const late = clock.sleep(timeoutMs, until).then((): Proved => ({ result: 'failed', reason: `no proof within ${timeoutMs / 1000} s` }))
  const proving = prover.prove(target, until, seat)
  try {
    return await Promise.race([proving, late])
  } finally {
    over.abort()
    late.catch(() => undefined) // it was not waited for
    await stopped(proving, clock)
  }
}

/** Else a miner would wait for its cards, because this process ended before it could let them go. */
async function stopped(proving: Promise<unknown>, clock: Clock): Promise<void> {
  const enough = new AbortController()
  const grace = clock.sleep(GRACE_MS, enough.signal).catch(() => undefined)
  const end = proving.then(
    () => undefined,
    () => undefined, // whoever waits for the proof has it
  )
  await Promise.race([end, grace])
  enough.abort()
}

/** Time that a card was rented counts from what the edge said of it when it was proved. */
function rowOf(proved: Proved, miner: StateMiner | null): Pick<NewProof, 'result' | 'gpus' | 'simulated' | 'reason' | 'evidence'> {
  const evidence = proved.evidence ?? null
  if (proved.result !== 'valid') return { result: proved.result, gpus: [], simulated: false, reason: proved.reason, evidence }
  const rentedMs = new Map(miner?.gpus.map((g) => [g.uuid, g.rented_ms]))
  const gpus = proved.gpus.map((g) => ({ uuid: g.uuid, model: g.model, rentedMs: g.rentedMs ?? rentedMs.get(g.uuid) ?? 0 }))
  return { result: 'valid', gpus, simulated: proved.simulated, reason: null, evidence }
}
