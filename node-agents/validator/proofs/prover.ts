import type { ProofState } from '../../../schema/index.ts'
import type { Catalog } from '../../core/catalog.ts'
import { ControlError } from '../../core/control.ts'
import { generateSshKey } from '../../core/ssh-key.ts'
import type { Log } from '../../core/log.ts'
import type { Meeting } from '../../core/meeting.ts'
import { type Chain, type Clock, type Control, NotNow, type Proved, type Prover, type ProofTarget, type Shell } from '../../core/ports.ts'
import type { Seat } from '../../core/proof/seat.ts'
import type { proveOver } from '../../core/proof/over-ssh.ts'
import type { Signer } from '../../core/signer.ts'
import type { Store } from '../store/types.ts'
import type { Bundles } from './bundles.ts'
import { claimOf } from './claim.ts'
import { closeProof } from './close.ts'
import { type Greeting, keepGreetings } from './liveness.ts'
import { NotProved } from './not-proved.ts'
import { openAt, TAKEN } from './open.ts'
import { freeCards } from './plan.ts'
import { Quiet } from './quiet.ts'
import type { Writer } from './record.ts'
import { evidenceOf, signVerdict } from './sign.ts'
import { judgedOf, type Tripped } from './trip.ts'
import { failed, provedOf } from './verdict.ts'

export type EdgeProverDeps = {
  control: Pick<Control, 'openProof' | 'proof' | 'markProof'>
  meeting: Pick<Meeting, 'ready' | 'failed'>
  shell: Shell
  chain: Pick<Chain, 'pulse'>
  store: Pick<Store, 'proofs' | 'keepChallenge'>
  catalog: Catalog
  signer: Signer
  netuid: number
  /** The newest block that was read. */
  block: () => number
  /** The edge's time, ms since 1970. */
  nowMs: () => number
  bundles: Bundles
  openBundle: (path: string) => Writer
  /** The Python on the hosts. */
  python: string
  /** What runs there. */
  script: Uint8Array
  /** The session: the real one, but in tests. */
  session: typeof proveOver
  clock: Clock
  log: Log
}

const ALONE: Seat = { arrive: async (signal) => signal.throwIfAborted(), leave: () => undefined }
/** What is said of a proof that was broken off here. */
const GIVEN_UP = failed('given up by its validator, which says nothing of the miner')

/** The client's key is good for this one container; its comment goes nowhere. */
const newKey = () => generateSshKey('')

/** Proves miners over SSH, in containers that the edge has them make as for any client. */
export class EdgeProver implements Prover {
  readonly #d: EdgeProverDeps
  readonly #quiet: Quiet

  constructor(deps: EdgeProverDeps) {
    this.#d = deps
    this.#quiet = new Quiet(deps.clock)
  }

  async prove(target: ProofTarget, signal: AbortSignal, seat: Seat = ALONE): Promise<Proved> {
    try {
      const claimed = claimOf(freeCards(target.miner), this.#d.catalog)
      if ('none' in claimed) return { result: 'failed', reason: claimed.none }
      const key = newKey()
      const opened = await this.#open(target, key.publicKey, signal)
      return await this.#through(opened, { target, key: key.privateKey, seat }, signal)
    } catch (error) {
      if (error instanceof NotProved) return { result: 'failed', reason: failed(error.message).text }
      throw error
    } finally {
      seat.leave()
    }
  }

  /** @throws NotProved when the edge has lost sight of the miner: then it is no matter of time */
  async #open({ hotkey, miner }: ProofTarget, ssh_key: string, signal: AbortSignal): Promise<ProofState> {
    const { meeting, control } = this.#d
    try {
      await meeting.ready(signal)
      return await openAt(control, { hotkey, ssh_key }, signal)
    } catch (error) {
      meeting.failed(error)
      if (error instanceof NotNow && miner?.online === 'unreachable') throw new NotProved(`the edge cannot reach it: ${error.message}`, { cause: error })
      throw error
    }
  }

  /** From an open proof to a closed one, whatever happens in between. */
  async #through(opened: ProofState, { target, key, seat }: { target: ProofTarget; key: string; seat: Seat }, signal: AbortSignal): Promise<Proved> {
    const { hotkey } = target
    const greeted: Greeting[] = []
    let tripped: Tripped = { judged: GIVEN_UP, bundle: null, unreachable: false }
    let closed = false
    try {
      tripped = await this.#judged(opened, { hotkey, key, seat, greeted }, signal)
      if (tripped.judged.result === 'failed') await this.#checkTaken(opened.id, signal)
      closed = true
      const cutOff = await this.#close(opened.id, hotkey, tripped, signal)
      // Whoever reaches nobody may be cut off himself.
      if (tripped.unreachable && cutOff !== null) throw new Error(`neither the miner nor the edge can be reached: ${tripped.judged.text}; ${cutOff}`)
    } finally {
      if (!closed) await this.#close(opened.id, hotkey, tripped, signal)
    }
    await this.#keepGreetings(hotkey, greeted)
    return { ...provedOf(tripped.judged, opened.gpus), evidence: evidenceOf(tripped.judged, opened.id, tripped.bundle) }
  }

  /** A client may have taken the cards from under a session whose clock did not run: what broke then says nothing of the miner. @throws NotNow */
  async #checkTaken(id: string, signal: AbortSignal): Promise<void> {
    const { control, log } = this.#d
    try {
      if ((await control.proof(id, 0, signal)).state === 'preempted') throw new NotNow(TAKEN, null)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof ControlError)) throw error
      log.debug({ err: error, proof: id }, 'the edge did not say whether a client took the cards') // closing tells whether it is away
    }
  }

  async #judged(opened: ProofState, trip: { hotkey: string; key: string; seat: Seat; greeted: Greeting[] }, signal: AbortSignal): Promise<Tripped> {
    try {
      return await judgedOf(opened, { ...trip, quiet: this.#quiet }, this.#d, signal)
    } catch (error) {
      if (!(error instanceof NotProved)) throw error
      return { judged: failed(error.message), bundle: null, unreachable: error.unreachable }
    }
  }

  /** @returns why this machine may be cut off from the edge; null: it is not */
  async #close(proof: string, hotkey: string, { judged, bundle }: Tripped, signal: AbortSignal): Promise<string | null> {
    const { control, signer, netuid, block, nowMs, clock, log } = this.#d
    const verdict = signVerdict(judged, { netuid, proof, hotkey, block: block(), at_ms: nowMs() }, bundle, signer)
    const closed = await closeProof(control, proof, verdict, { clock, ...(signal.aborted && { tries: 1 }) })
    if (closed.closed) {
      const what = { hotkey, proof, result: judged.result }
      // What was proved was proved; but cards that the edge does not know to be proved are kept for a proof again.
      if (closed.refused !== null) log[judged.result === 'valid' ? 'warn' : 'debug'](what, `the edge did not take the verdict on ${proof}: ${closed.refused}`)
      return null
    }
    log.warn({ hotkey, proof }, `proof ${proof} cannot be closed: ${closed.why}; the edge ends it by itself`)
    return closed.own ? closed.why : null
  }

  async #keepGreetings(hotkey: string, greeted: readonly Greeting[]): Promise<void> {
    try {
      await keepGreetings(hotkey, greeted, this.#d)
    } catch (error) {
      this.#d.log.error({ err: error, hotkey }, `liveness challenges of ${hotkey} cannot be kept`)
    }
  }
}
