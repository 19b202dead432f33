import { PROTOCOL, type HostFacts } from '../../schema/index.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { Mistake } from '../core/mistake.ts'
import type { Clock, Control } from '../core/ports.ts'
import { VERSION } from '../core/version.ts'
import { acceptIdentity, type KnownEdge, OtherEdge } from '../core/identity.ts'
import type { State } from './state.ts'

/** How long the first facts may take before a known miner syncs without them. */
const FACTS_MS = 15_000
const LOOK_MS = 20
/** A key to come is shown a day before it signs: look often enough to know it by then, and within the seven requests of an idle hour. */
const IDENTITY_MS = 2 * 3600_000

export type SessionDeps = {
  control: Control
  state: State
  pin: string
  clock: Clock
  facts: () => HostFacts | null
  log: Log
  /** The edge proved itself; the edge took us in. */ onMet: () => void
  onRegistered: () => void
}

/** Gets from "an address" to "registered at the edge whose key was pinned"; each part once, and again when the edge says so. */
export class Session {
  readonly #d: SessionDeps
  #metAt = -Infinity
  /** The edge proved itself to this process. */
  #met = false
  #registered = false

  constructor(deps: SessionDeps) {
    this.#d = deps
  }

  /** The edge may have new keys: look at its identity before the next sync. */
  doubt(): void {
    this.#metAt = -Infinity
  }

  /** The edge does not know us any more. */
  forgotten(): void {
    this.#registered = false
  }

  /** Rejects with `NotTheEdge`, a `Mistake`, or a `ControlError`. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#d.clock.monotonicMs() - this.#metAt > IDENTITY_MS) await this.#meet(signal)
    if (!this.#registered) await this.#register(signal)
  }

  async #meet(signal: AbortSignal): Promise<void> {
    const { clock, control, state, pin, log, onMet } = this.#d
    const known = state.edge()
    const edge = await this.#accept(await control.identity(signal), pin, known)
    if (JSON.stringify(edge) !== JSON.stringify(known)) {
      await state.keepEdge(edge)
      log.info({ edge: edge.address, keys: edge.keys.map((k) => k.kid) }, 'the edge showed its keys')
    }
    this.#metAt = clock.monotonicMs()
    this.#met = true
    onMet()
  }

  /**
   * Another edge where ours was: while anything is rented out, that is the edge's trouble and not the operator's mistake.
   * Tenants stay, nothing of it is believed, and ours may come back.
   */
  async #accept(jws: string, pin: string, known: KnownEdge | null): Promise<KnownEdge> {
    try {
      return await acceptIdentity(jws, pin, known)
    } catch (error) {
      const held = this.#met || [...this.#d.state.memory.lives.values()].some((l) => l.stage === 'made')
      throw error instanceof OtherEdge && !held ? new Mistake(error.message, error) : error
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { control, state, log, onRegistered } = this.#d
    const facts = await this.#facts(signal)
    if (!facts) return // no engine, no facts: a miner the edge knows reports just that, another is told to register
    const reply = await control.register({ protocol: PROTOCOL, version: VERSION, role: 'miner', install: state.install, facts }, signal)
    this.#registered = true
    log.info({ epoch: reply.epoch, protocol: reply.protocol }, 'registered')
    onRegistered()
  }

  async #facts(signal: AbortSignal): Promise<HostFacts | null> {
    const { clock, facts } = this.#d
    for (const end = clock.monotonicMs() + FACTS_MS; !facts() && clock.monotonicMs() < end && !signal.aborted;) await rest(clock, LOOK_MS, signal)
    return facts()
  }
}
