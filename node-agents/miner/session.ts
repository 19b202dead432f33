import { PROTOCOL, type HostFacts } from '../../schema/index.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { Meeting } from '../core/meeting.ts'
import type { Clock, MinerControl } from '../core/ports.ts'
import { VERSION } from '../core/version.ts'
import type { State } from './state.ts'

/** How long the first facts may take before a known miner syncs without them. */
const FACTS_MS = 15_000
const LOOK_MS = 20

export type SessionDeps = {
  control: MinerControl
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
  readonly #meeting: Meeting
  #registered = false

  constructor(deps: SessionDeps) {
    this.#d = deps
    this.#meeting = new Meeting({ ...deps, bound: () => this.#rented() })
  }

  /** The edge may have new keys: look at its identity before the next sync. */
  doubt(): void {
    this.#meeting.doubt()
  }

  /** The edge does not know us any more. */
  forgotten(): void {
    this.#registered = false
  }

  /** Rejects with `NotTheEdge`, a `Mistake`, or a `ControlError`. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.#meeting.ready(signal)
    if (!this.#registered) await this.#register(signal)
  }

  /** While anything is rented out, another edge where ours was is that edge's trouble: tenants stay, and ours may come back. */
  #rented(): boolean {
    return [...this.#d.state.memory.lives.values()].some((l) => l.stage === 'made')
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
