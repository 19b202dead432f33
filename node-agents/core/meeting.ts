import { ControlError } from './control.ts'
import { acceptIdentity, type KnownEdge, OtherEdge } from './identity.ts'
import type { Log } from './log.ts'
import { Mistake } from './mistake.ts'
import type { Clock, Control } from './ports.ts'

/** A key to come is shown a day before it signs: look often enough to know it by then, and within the seven requests of an idle hour. */
const IDENTITY_MS = 2 * 3600_000

const SIGNATURES: ReadonlySet<string> = new Set(['wrong_receiver', 'bad_signature', 'malformed_signature'])

/** Where an agent keeps the edge it belongs to. */
export type EdgeMemory = { edge(): KnownEdge | null; keepEdge(edge: KnownEdge): Promise<void> }

export type MeetingDeps = {
  control: Pick<Control, 'identity'>
  state: EdgeMemory
  pin: string
  clock: Clock
  log: Log
  /** Something here depends on the edge that was known before: another one is then its trouble, and not the operator's mistake. */
  bound?: () => boolean
  onMet?: () => void
}

/** An edge is spoken to once it showed the key that was pinned, or one that such a key vouched for; looked at again now and then. */
export class Meeting {
  readonly #d: MeetingDeps
  #metAt = -Infinity
  /** It proved itself to this process. */
  #met = false

  constructor(deps: MeetingDeps) {
    this.#d = deps
  }

  /** The edge may have new keys: look before the next request. */
  doubt(): void {
    this.#metAt = -Infinity
  }

  /** After a request that failed: some refusals are what an edge with new keys, or at another address, gives. */
  failed(error: unknown): void {
    if (error instanceof ControlError && SIGNATURES.has(error.code)) this.doubt()
  }

  /** Rejects with `NotTheEdge`, a `ControlError`, or a `Mistake` when --edge leads to another edge than this state belongs to. */
  async ready(signal: AbortSignal): Promise<void> {
    const { clock, control, state, pin, log, onMet } = this.#d
    if (clock.monotonicMs() - this.#metAt <= IDENTITY_MS) return
    const known = state.edge()
    const edge = await this.#accept(await control.identity(signal), pin, known)
    if (JSON.stringify(edge) !== JSON.stringify(known)) {
      await state.keepEdge(edge)
      log.info({ edge: edge.address, keys: edge.keys.map((k) => k.kid) }, 'the edge showed its keys')
    }
    this.#metAt = clock.monotonicMs()
    this.#met = true
    onMet?.()
  }

  /** Another edge where ours was: nothing of it is believed, and ours may come back. */
  async #accept(jws: string, pin: string, known: KnownEdge | null): Promise<KnownEdge> {
    try {
      return await acceptIdentity(jws, pin, known)
    } catch (error) {
      const held = this.#met || this.#d.bound?.() === true
      throw error instanceof OtherEdge && !held ? new Mistake(error.message, error) : error
    }
  }
}
