import type { Block } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import { reason } from '../../core/mistake.ts'
import type { Clock, ProofTarget, Prover } from '../../core/ports.ts'
import type { Follow } from '../follow.ts'
import type { Progress, Store } from '../store/types.ts'
import { FINISHED } from './evidence.ts'
import { NotYet } from './job.ts'
import type { Market } from './market.ts'
import { inPool } from './pool.ts'
import { isRented, type Outcome, tryProof, type Tried } from './proof.ts'
import type { Queryable } from './queryable.ts'
import type { Scores } from './scores.ts'

/** Name of the progress that says when the round began: one that the agent's end cut short goes on there. */
export const ROUND = 'proof_round'

/** The whole round tells of faults of our own. */
const LEVELS = { valid: 'debug', invalid: 'warn', failed: 'info', own_fault: 'debug' } as const

type Begun = Pick<Progress, 'block' | 'at'>

export type ProofsDeps = {
  prover: Prover
  follow: Follow
  queryable: Queryable
  market: Pick<Market, 'fetch'>
  scores: Pick<Scores, 'round'>
  store: Pick<Store, 'specs' | 'proofs' | 'keepProof' | 'keepProgress'>
  workers: number
  timeoutMs: number
  maxDelayMs: number
  /** Blocks between two rounds. */
  every: number
  clock: Clock
  log: Log
  /** Of the round that was cut short, if any. */
  begun: Progress | null
  random?: () => number
}

/** A round of proofs: every miner that may be proved now, many at a time, none waiting for another. */
export class Proofs {
  readonly #d: ProofsDeps
  #begun: Begun | null
  /** Who is being proved now. */
  readonly now = new Set<string>()
  /** Tries since the start, by what came of them. */
  readonly outcomes = new Map<Outcome, number>()
  /** Called after each try. */
  onTried: (tried: Tried) => void = () => undefined

  constructor(deps: ProofsDeps) {
    this.#d = deps
    this.#begun = deps.begun?.trouble === null ? deps.begun : null
  }

  async round(block: Block, signal: AbortSignal): Promise<void> {
    const { clock, maxDelayMs, random = Math.random, workers, timeoutMs, prover, log, scores } = this.#d
    const open = this.#begun
    const resumed = open !== null && open.block <= block.number && block.number - open.block < this.#d.every ? open : null
    if (resumed === null) await clock.sleep(random() * maxDelayMs, signal) // so that validators do not come all at once
    const refreshed = await this.#refresh(signal)
    const targets = await this.#targets(resumed?.block ?? null)
    if (targets.length === 0 && resumed === null) throw new NotYet('there is no miner to prove: none that the edge knows is included and free')
    const begun = resumed ?? { block: block.number, at: clock.wallMs() }
    await this.#mark(begun, null)
    log.info({ miners: targets.length, block: begun.block }, resumed === null ? 'a round of proofs begins' : 'a round of proofs goes on')
    const faults: string[] = []
    let told = refreshed // else the edge was away, and with nothing proved this may be a machine that is cut off: weights do not rest on that
    await inPool(targets, workers, async (target) => {
      this.now.add(target.hotkey)
      try {
        const tried = await tryProof(target, { prover, clock, timeoutMs, block }, signal)
        told ||= tried.outcome === 'valid' || tried.outcome === 'invalid'
        const fault = await this.#keep(tried)
        if (fault !== null) faults.push(fault)
      } finally {
        this.now.delete(target.hotkey)
      }
    })
    await scores.round()
    // Who breaks the prover again and again keeps nobody else from having weights.
    if (told && faults.length * 2 <= targets.length) await this.#progress(FINISHED, begun, null)
    if (faults.length === 0) await this.#mark(begun, 'over')
    else throw new Error(`${faults.length} of ${targets.length} miners are still to be proved: ${faults[0]}`) // and they alone, next time
  }

  /** Cards that were rented meanwhile are left alone. An edge that is away keeps nobody from being proved. @returns whether it answered */
  async #refresh(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#d.market.fetch(signal)
      return true
    } catch (error) {
      signal.throwIfAborted()
      this.#d.log.debug({ err: error }, 'proofs go by what the edge said before')
      return false
    }
  }

  /** Whom the edge does not know nobody can be led to. @param since block from which on a proof is of this round; null: none is */
  async #targets(since: number | null): Promise<ProofTarget[]> {
    const { follow, queryable, store } = this.#d
    const m = follow.view?.metagraph
    if (!m) throw new NotYet('the subnet was not read yet')
    const [specs, proofs, filtered] = [await store.specs(), await store.proofs(), queryable.of(m)]
    const done = (hotkey: string) => since !== null && (proofs.get(hotkey)?.[0]?.block ?? -1) >= since
    return m.neurons
      .filter((n) => filtered.get(n.hotkey)?.excluded === null && !done(n.hotkey))
      .map(({ uid, hotkey }) => ({ uid, hotkey, miner: specs.get(hotkey)?.miner ?? null }))
      .filter(({ miner }) => miner !== null && !isRented(miner))
  }

  /**
   * Keeps a proof. `own_fault` is only told: a place in the short history of a miner is not for what it did not do.
   * @returns why there is none to keep, or why it could not be kept; null: it is kept
   */
  async #keep(tried: Tried): Promise<string | null> {
    const { store, log } = this.#d
    const { target, outcome, durationMs, proof, reason: why } = tried
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.onTried(tried)
    log[LEVELS[outcome]]({ hotkey: target.hotkey, uid: target.uid, outcome, ms: durationMs }, `proof of uid ${target.uid}: ${why ?? outcome}`)
    if (!proof) return why
    try {
      await store.keepProof(proof)
      return null
    } catch (error) {
      return `this validator's own fault: the proof of uid ${target.uid} cannot be kept: ${reason(error)}`
    }
  }

  /** As it is on disk: what could not be kept is not so. */
  async #mark(begun: Begun, trouble: string | null): Promise<void> {
    await this.#progress(ROUND, begun, trouble)
    this.#begun = trouble === null ? begun : null
  }

  #progress(job: string, { block, at }: Begun, trouble: string | null): Promise<void> {
    return this.#d.store.keepProgress({ job, block, at, trouble })
  }
}
