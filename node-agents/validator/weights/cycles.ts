import { ChainError } from '../../core/chain/errors.ts'
import type { Hotkey } from '../../core/hotkey.ts'
import { isAbort } from '../../core/life.ts'
import type { Log } from '../../core/log.ts'
import { reason } from '../../core/mistake.ts'
import type { Chain, Clock } from '../../core/ports.ts'
import type { Cycle, Store } from '../store/types.ts'
import { barred, type Change, decide, dueBlock, IDLE_BLOCKS, isOver, judge, modeOf, strange } from './decide.ts'
import { look, type Look, MECHANISM } from './look.ts'
import { newSalt, orAbort } from './waiting.ts'
import { readBack } from './readback.ts'
import { wasRevealed } from './revealed.ts'
import { OTHER_MODE, type Outcome, reveal, revealBlockOf, send } from './send.ts'
import type { ReadBack, Weights } from './types.ts'

/** The longest pause after trouble, in blocks. */
const MOST_PAUSE = 32
/** A head so far back is of a chain that began anew, or of another one: what was put off is not. */
const DEEP = 25
/** As many rows as a validator keeps. */
const KEPT = 50

export type CyclesDeps = {
  chain: Chain
  store: Pick<Store, 'newCycle' | 'changeCycle' | 'cycles'>
  hotkey: Hotkey
  netuid: number
  /** Blocks between two settings; the subnet's own limit where that is more. */
  every: number
  clock: Clock
  log: Log
  /** What is to be set now, or why nothing is. */
  plan: () => Promise<Weights | { none: string }>
}

export type CyclesStatus = {
  /** Under way; null: nothing is. */
  current: Cycle | null
  /** The last that was read back from a finalized block as it was sent. */
  confirmed: Cycle | null
  /** Of this process: who got what, when it was last read. */
  readBack: ReadBack | null
  /** Why it does not go on, or why the last one came to nothing; null: all is well. */
  trouble: string | null
  /** From this block on the next weights are due; null: not known. */
  dueBlock: number | null
}

/**
 * Sets weights and sees to it that they are there: one setting after the other, each kept on disk before anything is sent, so that whoever comes
 * after a crash goes on from what the chain says (`decide.ts`).
 */
export class WeightCycles {
  readonly #d: CyclesDeps
  /** Newest first; null: not read yet. */
  #rows: Cycle[] | null = null
  #readBack: ReadBack | null = null
  #trouble: string | null = null
  /** The last trouble that was logged. */
  #logged: string | null = null
  #due: number | null = null
  /** Before this block there is nothing to look at. */
  #notBefore = 0
  /** Of the last look. */
  #head = 0
  #failures = 0
  /** Of refusals: each is an error once, until weights are confirmed. */
  readonly #told = new Set<string>()

  constructor(deps: CyclesDeps) {
    this.#d = deps
  }

  status(): CyclesStatus {
    const rows = this.#rows ?? []
    const newest = rows[0]
    const came = newest && ['lost', 'different', 'refused'].includes(newest.state) ? newest.reason : null
    const confirmed = rows.find(({ state }) => state === 'confirmed') ?? null
    return { current: this.#current(), confirmed, readBack: this.#readBack, trouble: this.#trouble ?? this.#current()?.reason ?? came, dueBlock: this.#due }
  }

  /**
   * Goes as far as the head allows. To be called at every new head, never twice at once.
   * Rejects when the signal fires, or with what is neither the chain's fault nor the plan's: the disk's, or the program's.
   */
  async step(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { chain, store } = this.#d
    this.#rows ??= (await store.cycles(KEPT)).filter((row) => this.#isOurs(row))
    const { head } = chain.status()
    if (!head || (head.number < this.#notBefore && head.number > this.#head - DEEP)) return
    this.#head = head.number
    this.#trouble = null
    try {
      while (await this.#advance(signal)) signal.throwIfAborted()
    } catch (error) {
      if (isAbort(error) || !(error instanceof ChainError)) throw error
      this.#pause(head.number, reason(error), error)
    }
  }

  /** What this state kept of another hotkey or subnet is nothing to go on with. */
  #isOurs({ hotkey, netuid }: Cycle): boolean {
    return hotkey === this.#d.hotkey.address && netuid === this.#d.netuid
  }

  #current(): Cycle | null {
    const newest = this.#rows?.[0]
    return newest && !isOver(newest) ? newest : null
  }

  /** @returns whether there is more to do at once */
  async #advance(signal: AbortSignal): Promise<boolean> {
    const { chain, netuid, hotkey } = this.#d
    const seen = await orAbort(look(chain, netuid, hotkey.address), signal)
    if (!seen) return false
    const cycle = this.#current()
    return cycle ? this.#goOn(cycle, seen, signal) : this.#begin(seen, signal)
  }

  async #begin(seen: Look, signal: AbortSignal): Promise<boolean> {
    const { number } = seen.head
    const why = barred(seen)
    this.#due = why === null ? dueBlock(seen, this.#rows?.[0] ?? null, this.#d.every) : null
    if (why !== null || number < (this.#due ?? 0)) {
      this.#trouble = why ?? this.#strangers(seen)
      this.#notBefore = Math.min(this.#due ?? Infinity, number + IDLE_BLOCKS)
      return false
    }
    const weights = await this.#planned(number, signal)
    if (weights) await this.#keep(weights, seen)
    return weights !== null
  }

  /** An error once for each block of theirs: whoever has this hotkey decides what this validator says on chain. */
  #strangers(seen: Look): string | null {
    const found = strange(this.#rows ?? [], seen)
    if (found !== null && found !== this.#logged) this.#d.log.error({ block: seen.lastUpdate }, found)
    this.#logged = found ?? this.#logged
    return found
  }

  /** A plan that fails is told, and made again later: it never becomes weights. */
  async #planned(block: number, signal: AbortSignal): Promise<Weights | null> {
    try {
      const weights = await orAbort(this.#d.plan(), signal)
      if (!('none' in weights)) return weights
      this.#pause(block, `nothing to set: ${weights.none}`)
      // No failure: what it waits for, such as a first round of proofs, comes by itself.
      this.#failures = 0
    } catch (error) {
      if (signal.aborted) throw error
      this.#pause(block, `no weights could be made: ${reason(error)}`, error)
    }
    return null
  }

  async #keep({ uids, hotkeys, values, versionKey, notes }: Weights, { head, limits }: Look): Promise<void> {
    const { store, hotkey, netuid, clock, log } = this.#d
    const mode = modeOf(limits)
    const what = { hotkey: hotkey.address, netuid, mechanism: MECHANISM, mode, uids, hotkeys, values, versionKey: String(versionKey) }
    const salt = mode === 'hash' ? newSalt() : null
    const nothing = { deadBlock: null, includedBlock: null, round: null, revealBlock: null, readBlock: null, readAt: null, reason: null }
    const row = { ...what, ...nothing, state: 'planned' as const, salt, plannedBlock: head.number, attempts: 0, at: clock.wallMs() }
    const id = await store.newCycle(row)
    this.#rows = [{ id, ...row }, ...(this.#rows ?? [])].slice(0, KEPT)
    log.info({ cycle: id, mode, uids: uids.length, block: head.number, notes }, `weights of ${uids.length} uids planned`)
  }

  async #goOn(cycle: Cycle, seen: Look, signal: AbortSignal): Promise<boolean> {
    const step = decide(cycle, seen)
    switch (step.do) {
      case 'wait':
        this.#notBefore = step.until
        return false
      case 'change':
        return this.#change(cycle, step.change)
      case 'schedule':
        return this.#change(cycle, { revealBlock: await orAbort(revealBlockOf(this.#d.chain, cycle), signal) })
      case 'read':
        return this.#read(cycle, step.at, seen, signal)
      default:
        return this.#send(cycle, step.do, step.deadBlock, seen, signal)
    }
  }

  /** On disk first. @returns whether there is more to do at once: the end of one is not the begin of the next */
  async #change(cycle: Cycle, change: Change): Promise<boolean> {
    await this.#d.store.changeCycle(cycle.id, change)
    const now = { ...cycle, ...change }
    this.#rows = (this.#rows ?? []).map((row) => (row.id === cycle.id ? now : row))
    if (!isOver(now)) return true
    this.#tellEnd(now)
    this.#notBefore = 0
    return false
  }

  #tellEnd({ id, state, reason: why, mode, readBlock, uids }: Cycle): void {
    const { log } = this.#d
    if (state === 'confirmed') {
      this.#told.clear()
      log.info({ cycle: id, mode, block: readBlock, uids: uids.length, reason: why }, `weights read back as sent in finalized block ${readBlock}`)
    } else if (state === 'dropped') log.info({ cycle: id, mode, reason: why }, `weights planned anew: ${why}`)
    else log.error({ cycle: id, mode, state, reason: why }, `weights are not on chain as sent (${state}): ${why}`)
  }

  async #send(cycle: Cycle, what: 'send' | 'reveal', deadBlock: number, seen: Look, signal: AbortSignal): Promise<boolean> {
    const { chain, hotkey, log } = this.#d
    const attempts = cycle.attempts + 1
    const sending = { state: what === 'send' ? ('sending' as const) : ('revealing' as const), deadBlock, attempts, reason: null }
    await this.#change(cycle, sending)
    const sent = { ...cycle, ...sending }
    const outcome = await orAbort((what === 'send' ? send : reveal)(chain, hotkey, sent), signal)
    if (outcome.is === 'done') {
      const { block, round = null, revealBlock = null, extrinsic } = outcome.receipt
      log.info({ cycle: cycle.id, mode: cycle.mode, block: block.number, extrinsic, reveal: revealBlock }, `weights ${what === 'send' ? 'sent' : 'revealed'}`)
      this.#failures = 0
      this.#logged = null
      if (what === 'reveal') return this.#change(sent, { revealBlock: block.number })
      return this.#change(sent, { state: 'included', includedBlock: block.number, round, revealBlock })
    }
    return this.#failed(sent, outcome, seen)
  }

  async #failed(cycle: Cycle, { is, error }: Exclude<Outcome, { is: 'done' }>, { head }: Look): Promise<boolean> {
    const why = reason(error)
    if (is === 'unknown') await this.#change(cycle, { reason: why })
    else if (cycle.state === 'revealing')
      await this.#change(cycle, error.retryable ? { state: 'included', reason: why } : { deadBlock: head.number, reason: why })
    else if (OTHER_MODE.has(error.code)) await this.#change(cycle, { state: 'dropped', reason: why })
    else if (error.retryable) await this.#change(cycle, { state: 'planned', deadBlock: null, reason: why })
    else return this.#refused(cycle, error)
    this.#pause(head.number, why, error)
    return false
  }

  async #refused(cycle: Cycle, error: ChainError): Promise<boolean> {
    const { store, log } = this.#d
    const change = { state: 'refused' as const, deadBlock: null, reason: reason(error) }
    await store.changeCycle(cycle.id, change)
    this.#rows = (this.#rows ?? []).map((row) => (row.id === cycle.id ? { ...cycle, ...change } : row))
    const level = this.#told.has(error.code) ? 'debug' : 'error'
    this.#told.add(error.code)
    log[level]({ err: error, cycle: cycle.id, mode: cycle.mode }, `the chain refuses these weights: ${change.reason}`)
    return false
  }

  async #read(cycle: Cycle, at: 'best' | 'final', seen: Look, signal: AbortSignal): Promise<boolean> {
    const { chain, netuid, clock } = this.#d
    const block = at === 'final' ? seen.finalized : seen.head
    const uid = seen.own?.uid ?? -1
    const row = await orAbort(chain.weights(netuid, MECHANISM, uid, block.hash), signal)
    const { read, found } = readBack(cycle, row, seen.hotkeys, block.number)
    this.#readBack = read
    const now = { readBlock: block.number, readAt: clock.wallMs() }
    if (at === 'best') return this.#change(cycle, now)
    const before = this.#rows?.find(({ id, state }) => id < cycle.id && state === 'confirmed')
    const unchanged = before ? readBack(before, row, seen.hotkeys, block.number).read.same : row.length === 0 || null
    const revealed = read.same && unchanged !== false && (await orAbort(wasRevealed(chain, cycle, block.number), signal))
    const step = judge(cycle, read, found, seen, { unchanged, revealed })
    if (step.do === 'change') return this.#change(cycle, { ...now, ...step.change })
    await this.#change(cycle, now)
    if (step.do === 'wait') this.#notBefore = step.until
    return false
  }

  /** Told when it is new; the pause doubles from one block. */
  #pause(block: number, why: string, error?: unknown): void {
    const { log } = this.#d
    if (this.#logged !== why) log.warn({ err: error, block }, `weights: ${why}`)
    this.#logged = why
    this.#trouble = why
    this.#notBefore = block + Math.min(MOST_PAUSE, 2 ** Math.min(this.#failures++, 10))
  }
}
