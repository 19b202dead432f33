import type { ValidatorState } from '../../../schema/index.ts'
import type { Gate } from '../../core/gate.ts'
import type { Log } from '../../core/log.ts'
import type { Meeting } from '../../core/meeting.ts'
import type { Clock, Control } from '../../core/ports.ts'
import { verifiedPeers } from '../score/peers.ts'
import type { State } from '../state.ts'
import type { Store } from '../store/types.ts'

export type MarketDeps = {
  control: Pick<Control, 'state'>
  meeting: Meeting
  state: State
  store: Pick<Store, 'keepSpecs' | 'keepPeers'>
  /** Passed once the store knows who is on the subnet. */
  settled: Pick<Gate, 'passed'>
  netuid: number
  clock: Clock
  log: Log
}

/** What the edge says of the market and of other validators, kept for when it is away. */
export class Market {
  readonly #d: MarketDeps
  /** Wall clock of the last answer; null: none since the start. */
  atMs: number | null = null

  constructor(deps: MarketDeps) {
    this.#d = deps
  }

  /** Asks the edge. Rejects with a `ControlError` or `NotTheEdge` when it does not answer; what is kept stays then. */
  async fetch(signal: AbortSignal): Promise<void> {
    const { state, store, netuid, clock, log } = this.#d
    await this.#d.settled.passed(signal)
    const answer = await this.#ask(signal)
    if (answer.netuid !== netuid) throw new Error(`the edge serves subnet ${answer.netuid}, not ${netuid}: check --netuid and --edge`)
    const { peers, refused } = verifiedPeers(answer)
    for (const { validator, why } of refused) log.warn({ validator }, `what the edge passes on of validator ${validator} counts for nothing: ${why}`)
    await store.keepSpecs(answer.miners, clock.wallMs())
    await store.keepPeers(peers)
    await state.keepDevelopment(answer.development)
    this.atMs = clock.wallMs()
    log.debug({ miners: answer.miners.length, peers: peers.length }, 'the edge told of the market')
  }

  async #ask(signal: AbortSignal): Promise<ValidatorState> {
    const { control, meeting } = this.#d
    try {
      await meeting.ready(signal)
      return await control.state(signal)
    } catch (error) {
      meeting.failed(error)
      throw error
    }
  }
}
