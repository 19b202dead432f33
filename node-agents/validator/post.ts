import { type Snapshot, snapshotDigest } from '../../schema/index.ts'
import { Backoff } from '../core/backoff.ts'
import { ChainError } from '../core/chain/errors.ts'
import { ControlError } from '../core/control.ts'
import { NotTheEdge } from '../core/identity.ts'
import { isAbort } from '../core/life.ts'
import type { Log } from '../core/log.ts'
import type { Meeting } from '../core/meeting.ts'
import { Mistake, reason } from '../core/mistake.ts'
import type { Chain, Clock, Control } from '../core/ports.ts'
import { Trigger } from '../core/trigger.ts'
import { outcomeAdvice, refusalAdvice } from './advice.ts'
import { dueAt, short, toSnapshot } from './snapshot.ts'
import type { State } from './state.ts'

export type PostDeps = {
  chain: Chain
  control: Pick<Control, 'snapshot'>
  meeting: Meeting
  state: State
  netuid: number
  hotkey: string
  clock: Clock
  log: Log
}

/** The chain says something that cannot be true next to what it said before. Nothing of it is passed on. */
class WrongChain extends Error {}

/** Why the newest snapshot is not at the edge, for the eyes of the operator. */
export type Trouble = { code: string; message: string; advice: string | null; sinceMs: number }

/** Tells the edge what the chain says: one snapshot for each finalized block that snapshots are of, the newest only. */
export class Post {
  readonly #d: PostDeps
  readonly #backoff = new Backoff(2000, 5 * 60_000)
  trouble: Trouble | null = null
  /** Snapshots by what came of them: an outcome, or the code of a failure. */
  readonly outcomes = new Map<string, number>()

  constructor(deps: PostDeps) {
    this.#d = deps
  }

  /** Rejects with a `Mistake` when --edge leads to another edge than this state belongs to; all else is tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { chain, clock } = this.#d
    const trigger = new Trigger(clock)
    const unlisten = chain.onFinalized(() => trigger.kick())
    trigger.kick() // a block may have been finalized before
    try {
      for (;;) {
        await trigger.next(signal)
        const pause = await this.#try(signal)
        if (pause === 0) continue
        trigger.hold(pause)
        trigger.kick()
      }
    } finally {
      unlisten()
    }
  }

  /** @returns milliseconds before the next try; 0: the next finalized block is soon enough */
  async #try(signal: AbortSignal): Promise<number> {
    try {
      if (!(await this.#step(signal))) return 0
      this.#backoff.reset()
      this.trouble = null
      return 0
    } catch (error) {
      if (isAbort(error) || error instanceof Mistake) throw error
      return this.#failed(error)
    }
  }

  /** @returns whether the chain could be asked at all */
  async #step(signal: AbortSignal): Promise<boolean> {
    const { chain, control, meeting, state } = this.#d
    const { finalized, genesis } = chain.status()
    if (!finalized || !genesis) return false
    const due = dueAt(finalized.number, genesis, state.posted())
    if (due.do === 'wrong') throw new WrongChain(due.why)
    if (due.do === 'wait') return true
    await meeting.ready(signal)
    await this.#sameChain()
    const snapshot = await this.#read(due.block, genesis)
    const { outcome, votes, needed } = await control.snapshot(snapshot, signal)
    this.#count(outcome)
    const [{ block, block_hash: hash }, before] = [snapshot, state.posted()?.outcome]
    await state.keepPosted({ genesis, block, hash, digest: snapshotDigest(snapshot), outcome, votes, needed, atMs: this.#d.clock.wallMs() })
    this.trouble = null
    this.#tell(outcome, snapshot, { votes: `${votes} of ${needed}`, news: before !== outcome })
    return true
  }

  /** The block of the last snapshot is still the one it was: finality cannot be undone, so else this is not the chain we spoke of. */
  async #sameChain(): Promise<void> {
    const posted = this.#d.state.posted()
    if (!posted) return
    const hash = await this.#d.chain.hashAt(posted.block)
    if (hash !== posted.hash)
      throw new WrongChain(`its block ${posted.block} is ${hash ? short(hash) : 'not there'}, and the last snapshot was of ${short(posted.hash)}`)
  }

  async #read(block: number, genesis: string): Promise<Snapshot> {
    const { chain, netuid } = this.#d
    const hash = await chain.hashAt(block)
    if (hash === null) throw new WrongChain(`block ${block} is finalized, and its endpoint does not have it`)
    const metagraph = await chain.metagraph(netuid, hash)
    if (!metagraph) throw new ChainError('SubnetNotExists', 'request', `the chain has no subnet ${netuid} at block ${block}: check --netuid and --chain`, true)
    if (metagraph.block.hash !== hash || metagraph.block.number !== block)
      throw new WrongChain(`asked for block ${block} (${short(hash)}), it told of ${metagraph.block.number} (${short(metagraph.block.hash)})`)
    return toSnapshot(metagraph, genesis)
  }

  #tell(outcome: Parameters<typeof outcomeAdvice>[0], { block, neurons }: Snapshot, { votes, news }: { votes: string; news: boolean }): void {
    const advice = outcomeAdvice(outcome, block)
    const facts = { block, outcome, votes, uids: neurons.length }
    if (advice === null) return this.#d.log.info(facts, `snapshot of block ${block}: ${outcome}`)
    this.#d.log[news ? 'error' : 'debug'](facts, advice) // once, however long it stays so
  }

  #failed(error: unknown): number {
    const { hotkey, clock, log } = this.#d
    const pause = this.#backoff.next()
    this.#d.meeting.failed(error)
    const code = codeOf(error)
    this.#count(code)
    const advice = adviceOf(error, code, hotkey)
    const news = this.trouble?.code !== code
    this.trouble = { code, message: reason(error), advice, sinceMs: this.trouble?.sinceMs ?? clock.wallMs() }
    const level = !news ? 'debug' : advice ? 'error' : 'warn'
    log[level]({ err: error, code, retry_ms: Math.round(pause) }, advice ?? 'no snapshot could be sent; it is tried again')
    return pause
  }

  #count(outcome: string): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1)
  }
}

/** One word for whose fault it is. */
function codeOf(error: unknown): string {
  if (error instanceof ControlError) return error.code
  if (error instanceof ChainError) return `chain_${error.kind}`
  if (error instanceof WrongChain) return 'wrong_chain'
  return error instanceof NotTheEdge ? 'not_the_edge' : 'failed'
}

function adviceOf(error: unknown, code: string, hotkey: string): string | null {
  if (!(error instanceof WrongChain)) return refusalAdvice(code, hotkey)
  return 'nothing is sent: this endpoint tells of another chain than before, or is far behind. Compare it with a second endpoint (--chain); if the new one is right, give it its own --state'
}
