import type { Block } from '../../core/chain/types.ts'
import type { Log } from '../../core/log.ts'
import { reason } from '../../core/mistake.ts'
import type { Clock, ProofTarget, Prover } from '../../core/ports.ts'
import { horizonMs, type Patience, shuffled, wavesOf } from '../proofs/plan.ts'
import type { Progress, Store } from '../store/types.ts'
import { Again } from './again.ts'
import { cameTo } from './came-to.ts'
import { FINISHED } from './evidence.ts'
import { NotYet } from './job.ts'
import type { Market } from './market.ts'
import type { Places } from './places.ts'
import type { Outcome, Tried } from './proof.ts'
import type { Scores } from './scores.ts'
import { type Targets, targetsOf, type TargetsDeps } from './targets.ts'
import { proveWave } from './wave.ts'

/** Name of the progress that says when the round began: one that the agent's end cut short goes on there. */
export const ROUND = 'proof_round'

/** What the edge said so short ago needs not be asked for again. */
const FRESH_MS = 15_000

/** The whole round tells of faults of our own. */
const LEVELS = { valid: 'debug', invalid: 'warn', failed: 'info', put_off: 'debug', own_fault: 'debug' } as const

type Begun = Pick<Progress, 'block' | 'at'>

export type ProofsDeps = TargetsDeps & {
  prover: Prover
  market: Pick<Market, 'fetch' | 'atMs'>
  scores: Pick<Scores, 'round'>
  store: Pick<Store, 'specs' | 'proofs' | 'keepProof' | 'keepProgress'>
  places: Places
  /** Miners that start at the same moment, at most; no more than there are places. */
  wave: number
  /** Whom a miner starts with: those of the same class. */
  classOf: (target: ProofTarget) => string
  patience: Patience
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

/** A round that runs. */
type InRound = { again: Again; begun: Begun }

/**
 * What passes over miners came to: why some could not be proved or kept; `told`: something was found out about one of them; `looked`: or one of
 * them was tried, at least. Who was put off was not.
 */
type Pass = { faults: string[]; told: boolean; looked: boolean }

const NOTHING: Pass = { faults: [], told: false, looked: false }
const joined = (a: Pass, b: Pass): Pass => ({ faults: [...a.faults, ...b.faults], told: a.told || b.told, looked: a.looked || b.looked })

/**
 * Whether weights may rest on it. An edge that is away, with nobody proved, may be a machine that is cut off; where all were put off nobody
 * looked, so that nobody can make others burn everything by taking all their places. And who breaks the prover again and again keeps nobody
 * else from having weights. Pure.
 */
function tells({ faults, told, looked }: Pass, { refreshed, miners }: { refreshed: boolean; miners: number }): boolean {
  return (told || (refreshed && (looked || miners === 0))) && faults.length * 2 <= miners
}

/** Proofs: in rounds of every miner that may be proved now, and of those whose cards were just given back. None waits for another for long. */
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
    const { clock, maxDelayMs, random = Math.random, log, every, patience } = this.#d
    const open = this.#begun
    const resumed = open !== null && open.block <= block.number && block.number - open.block < every ? open : null
    if (resumed === null) await clock.sleep(random() * maxDelayMs, signal) // so that validators do not come all at once
    const refreshed = await this.#refresh(signal)
    const { free, groups } = await this.#targets(resumed?.block ?? null)
    if (free.length === 0 && resumed === null) throw new NotYet('there is no miner to prove: none that the edge knows is included and free')
    const begun = resumed ?? { block: block.number, at: clock.wallMs() }
    await this.#mark(begun, null)
    log.info({ miners: free.length, block: begun.block }, resumed === null ? 'a round of proofs begins' : 'a round of proofs goes on')
    const again = new Again(patience, { fromMs: clock.monotonicMs(), horizon: horizonMs(every) })
    const first = await this.#pass(block, { free, groups }, { again, begun }, signal)
    await this.#d.scores.round()
    const of = { refreshed, miners: free.length }
    if (tells(first, of)) await this.#progress(FINISHED, begun, null)
    const later = await this.#tryAgain(block, again, begun, signal)
    const both = joined(first, later)
    if (!tells(first, of) && tells(both, of)) await this.#progress(FINISHED, begun, null)
    const all = both.faults
    if (all.length === 0) await this.#mark(begun, 'over')
    else throw new Error(`${all.length} of ${free.length} miners are still to be proved: ${all[0]}`) // and they alone, next time
  }

  /** Proves those whose cards were just given back, before a client has them again; all others are for the round. */
  async due(block: Block, signal: AbortSignal): Promise<void> {
    const { market, clock } = this.#d
    if (clock.wallMs() - (market.atMs ?? 0) > FRESH_MS && !(await this.#refresh(signal))) throw new NotYet('the edge does not say whose cards were given back')
    const { free, groups } = await targetsOf(this.#d)
    const due = free.filter(({ miner, hotkey }) => miner?.proof_due === true && !this.now.has(hotkey))
    if (due.length === 0) return
    const { faults, told } = await this.#pass(block, { free: due, groups }, null, signal)
    if (told) await this.#d.scores.round()
    if (faults.length > 0) throw new Error(`${faults.length} of ${due.length} miners whose cards were given back are still to be proved: ${faults[0]}`)
  }

  /** One try of each. @param round who is tried again; null: it is none, and nobody is */
  async #pass(block: Block, { free, groups }: Targets, round: InRound | null, signal: AbortSignal): Promise<Pass> {
    const { classOf, wave: most, random = Math.random, log } = this.#d
    const pass: Pass = { ...NOTHING, faults: [] }
    const all: Tried[] = []
    const together = groups.map((g) => g.hotkeys)
    const watch = {
      began: ({ hotkey }: ProofTarget) => void this.now.add(hotkey),
      ended: (tried: Tried) => {
        all.push(tried)
        return this.#ended(tried, round, pass)
      },
    }
    const waves = wavesOf(shuffled(free, random), { classOf, together, most })
    const ends = await Promise.allSettled(waves.map((wave) => proveWave(wave, block, { groups, watch }, this.#d, signal)))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
    if (all.length > 0) log.info({ block: block.number }, `proofs: ${cameTo(all)}`)
    return pass
  }

  async #ended(tried: Tried, round: InRound | null, pass: Pass): Promise<void> {
    this.#tell(tried)
    pass.told ||= tried.outcome === 'valid' || tried.outcome === 'invalid'
    pass.looked ||= tried.outcome === 'failed' || pass.told
    if (tried.outcome === 'own_fault') pass.faults.push(tried.reason ?? 'no reason')
    round?.again.after(tried, this.#d.clock.monotonicMs())
    const fault = await this.#keep(tried, round?.begun.block ?? null)
    if (fault) pass.faults.push(fault)
  }

  /** Those of whom nothing could be proved, until the round is half over. */
  async #tryAgain(block: Block, again: Again, begun: Begun, signal: AbortSignal): Promise<Pass> {
    const { clock } = this.#d
    let all = NOTHING
    for (let inMs = again.nextInMs(clock.monotonicMs()); inMs !== null; inMs = again.nextInMs(clock.monotonicMs())) {
      await clock.sleep(inMs, signal)
      await this.#refresh(signal)
      const nowMs = clock.monotonicMs()
      const { free, groups } = await targetsOf(this.#d)
      const due = again.take(free, nowMs).filter(({ hotkey }) => !this.now.has(hotkey))
      const pass = await this.#pass(block, { free: due, groups }, { again, begun }, signal)
      all = joined(all, pass)
      if (pass.told) await this.#d.scores.round()
    }
    return all
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

  /** @param since block from which on a proof is of this round; null: none is */
  async #targets(since: number | null): Promise<Targets> {
    const { free, groups } = await targetsOf(this.#d)
    const proofs = await this.#d.store.proofs()
    const done = (hotkey: string) => since !== null && (proofs.get(hotkey)?.[0]?.block ?? -1) >= since
    return { free: free.filter(({ hotkey }) => !done(hotkey) && !this.now.has(hotkey)), groups }
  }

  #tell(tried: Tried): void {
    const { target, outcome, durationMs, reason: why } = tried
    this.now.delete(target.hotkey)
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
    this.onTried(tried)
    this.#d.log[LEVELS[outcome]]({ hotkey: target.hotkey, uid: target.uid, outcome, ms: durationMs }, `proof of uid ${target.uid}: ${why ?? outcome}`)
  }

  /**
   * Keeps a proof. What was put off or was a fault of our own is only told: a place in the short history of a miner is not for what it did not
   * do. @param since block of its round: what failed there before counts no more; null: it is of none
   * @returns why it could not be kept; null: it is, or there is none
   */
  async #keep({ proof, target }: Tried, since: number | null): Promise<string | null> {
    if (!proof) return null
    try {
      await this.#d.store.keepProof(proof, since)
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
