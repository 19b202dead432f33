import type { Published } from '../../../schema/index.ts'
import { Backoff } from '../../core/backoff.ts'
import type { Log } from '../../core/log.ts'
import type { Meeting } from '../../core/meeting.ts'
import { reason } from '../../core/mistake.ts'
import type { Clock, Control } from '../../core/ports.ts'
import type { Signer } from '../../core/signer.ts'
import { Trigger } from '../../core/trigger.ts'
import type { Follow } from '../follow.ts'
import type { Store } from '../store/types.ts'
import { contentOf, signPenalties, signScores } from './statement.ts'

/** The same is said again no sooner: the edge then knows that this validator still holds to it. */
export const REPEAT_MS = 10 * 60_000

export type PublishDeps = {
  control: Pick<Control, 'publishScores' | 'publishPenalties'>
  meeting: Meeting
  follow: Follow
  store: Pick<Store, 'stats' | 'penalties'>
  signer: Signer
  netuid: number
  clock: Clock
  log: Log
}

type Kind = 'scores' | 'penalties'
const KINDS: readonly Kind[] = ['scores', 'penalties']

/** Tells the edge the numbers of this validator, signed, whenever they are others, and now and then when they are not. */
export class Publish {
  readonly #d: PublishDeps
  readonly #trigger: Trigger
  readonly #backoff = new Backoff(2000, 5 * 60_000)
  /** When: by the clock that nobody sets. */
  readonly #said: Record<Kind, { content: string; atMs: number } | null> = { scores: null, penalties: null }
  /** The last that the edge took; null: none since the start. */
  last: { block: number; atMs: number; rows: number } | null = null
  /** Why the newest is not at the edge; null: it is, or there is nothing to say yet. */
  trouble: string | null = null

  constructor(deps: PublishDeps) {
    this.#d = deps
    this.#trigger = new Trigger(deps.clock)
  }

  /** There may be something new. */
  kick(): void {
    this.#trigger.kick()
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#trigger.next(signal)
      const pause = await this.#try(signal)
      this.#trigger.hold(pause ?? 0)
      if (pause !== null) this.#trigger.kick()
    }
  }

  /** @returns milliseconds before the next try; null: when there is something new */
  async #try(signal: AbortSignal): Promise<number | null> {
    try {
      await this.#publish(signal)
      if (this.trouble !== null) this.#d.log.info('publishing goes on')
      this.trouble = null
      this.#backoff.reset()
      return null
    } catch (error) {
      signal.throwIfAborted()
      this.#d.meeting.failed(error)
      const [pause, why] = [this.#backoff.next(), reason(error)]
      this.#d.log[why === this.trouble ? 'debug' : 'warn']({ err: error, retry_ms: Math.round(pause) }, 'scores cannot be published; it is tried again')
      this.trouble = why
      return pause
    }
  }

  /** The edge takes numbers of validators only: whoever is none yet says nothing. */
  async #publish(signal: AbortSignal): Promise<void> {
    const { follow, store, meeting, clock } = this.#d
    const block = follow.block?.number
    if (block === undefined || follow.view?.standing.is !== 'validator') return
    const content = contentOf((await store.stats()).values(), (await store.penalties(clock.wallMs())).values())
    for (const kind of KINDS) {
      const text = JSON.stringify(content[kind])
      const said = this.#said[kind]
      if (said?.content === text && clock.monotonicMs() - said.atMs < REPEAT_MS) continue
      if (said === null && kind === 'scores' && content.scores.length === 0) continue // no round yet
      await meeting.ready(signal)
      const { outcome } = await this.#send(kind, content, block, signal)
      if (outcome === 'older') this.#d.log.warn(`the edge has later ${kind} of this hotkey: is the clock behind, or does a second validator run with it?`)
      this.#said[kind] = { content: text, atMs: clock.monotonicMs() }
    }
  }

  async #send(kind: Kind, content: ReturnType<typeof contentOf>, block: number, signal: AbortSignal): Promise<Published> {
    const { control, signer, netuid, clock, log } = this.#d
    const head = { netuid, block, at_ms: clock.wallMs() }
    const rows = content[kind].length
    const published =
      kind === 'scores'
        ? await control.publishScores(signScores(content.scores, head, signer), signal)
        : await control.publishPenalties(signPenalties(content.penalties, head, signer), signal)
    log.info({ block, rows, outcome: published.outcome }, `${kind} are published`)
    if (kind === 'scores') this.last = { block, atMs: head.at_ms, rows }
    return published
  }
}
