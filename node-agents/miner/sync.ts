import type { Report } from '../../schema/index.ts'
import { Backoff } from '../core/backoff.ts'
import { ControlError } from '../core/control.ts'
import { isAbort } from '../core/life.ts'
import type { Log } from '../core/log.ts'
import { Mistake } from '../core/mistake.ts'
import type { Clock, MinerControl } from '../core/ports.ts'
import type { Trigger } from '../core/trigger.ts'
import type { Hold } from './hold.ts'
import type { Pulse } from './pulse.ts'
import { NEWS_MS, type News, newsIn } from './report.ts'
import type { ServerTime } from './server-time.ts'
import type { Session } from './session.ts'
import { WishRefused } from './wish.ts'

const FULL_MS = 10 * 60_000
const FULL_SPREAD = 0.2
const POLL_MS = 60_000
const CONFLICT_MS = 60_000

export type SyncDeps = {
  control: MinerControl
  session: Session
  hold: Hold
  time: ServerTime
  pulse: Pulse
  clock: Clock
  trigger: Trigger
  hotkey: string
  /** @param full with the facts about the host */
  report: (full: boolean) => Promise<Report>
  /** What a report would say now. */
  news: () => News
  onWish: () => void
  /** A sync that carried everything was answered. */
  onFull: () => void
  log: Log
}

/** Carries the fact up and the wish down: one request at a time, at once when somebody waits for the outcome. */
export class Sync {
  readonly #d: SyncDeps
  readonly #backoff = new Backoff(1000, 60_000)
  /** What the edge last took from us. */
  #told: News = { allocations: [], unexplained: [], foreign: 0, engine: { ok: true, message: '' } }
  #fullAt = -Infinity
  /** The host changed since the last report was made. */
  #hostNews = false
  /** When a sync is due even with nothing to tell. */
  #dueAt = -Infinity

  constructor(deps: SyncDeps) {
    this.#d = deps
  }

  /** Something a report shows may have changed. */
  changed(): void {
    const delay = newsIn(this.#told, this.#d.news())
    if (delay !== null) this.#d.trigger.kick(delay)
  }

  /** The host itself changed: the next sync carries its facts, soon. */
  hostChanged(): void {
    this.#hostNews = true
    if (this.#fullAt === -Infinity) return // the next one carries them anyway
    this.#fullAt = -Infinity
    this.#due(NEWS_MS.step)
  }

  /** The edge says there is something to know. */
  go(): void {
    this.#d.trigger.free()
    this.#due(0)
  }

  socketUp(): void {
    this.#d.pulse.socketUp = true
    this.go()
  }

  socketDown(): void {
    this.#d.pulse.socketUp = false
    this.#due(this.#interval())
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, trigger, session, pulse } = this.#d
    trigger.kick()
    for (;;) {
      await trigger.next(signal)
      if (clock.monotonicMs() < this.#dueAt && newsIn(this.#told, this.#d.news()) === null) {
        trigger.kick(this.#dueAt - clock.monotonicMs()) // what it rang for was in the report before
        continue
      }
      try {
        await session.ready(signal)
        await this.#once(signal)
        this.#backoff.reset()
        pulse.ok()
      } catch (error) {
        if (signal.aborted || error instanceof Mistake) throw error
        pulse.failed(error)
        const pause = this.#judge(error)
        trigger.hold(pause)
        this.#due(pause)
      }
    }
  }

  async #once(signal: AbortSignal): Promise<void> {
    const { clock, control, hold, time, onWish, onFull } = this.#d
    const full = clock.monotonicMs() >= this.#fullAt
    this.#dueAt = Infinity // a "go" from here on may be about what this request does not see
    this.#hostNews = false
    const report = await this.#d.report(full)
    const jws = await control.sync(report, signal)
    this.#told = report
    if (full) this.#fullAt = clock.monotonicMs() + (report.facts ? FULL_MS * (1 + FULL_SPREAD * (2 * Math.random() - 1)) : POLL_MS)
    if (full && this.#hostNews) this.hostChanged() // not in what was just told
    const news = await hold.take(jws)
    if (hold.wish) time.anchor(hold.wish.issuedAtMs)
    if (report.facts) onFull()
    this.#due(this.#interval())
    if (news) onWish()
    this.changed()
  }

  #due(delayMs: number): void {
    this.#dueAt = Math.min(this.#dueAt, this.#d.clock.monotonicMs() + delayMs)
    this.#d.trigger.kick(delayMs)
  }

  #interval(): number {
    const full = Math.max(0, this.#fullAt - this.#d.clock.monotonicMs())
    return this.#d.pulse.socketUp ? full : Math.min(full, POLL_MS)
  }

  /** What a failure means for the next try (ms), said once where the operator can see it. */
  #judge(error: unknown): number {
    const { log, session } = this.#d
    const pause = this.#backoff.next()
    if (error instanceof WishRefused && error.code === 'unknown_key') session.doubt()
    if (!(error instanceof ControlError)) {
      if (!isAbort(error)) log.error({ err: error }, 'sync failed')
      return pause
    }
    if (error.code === 'not_registered') {
      session.forgotten()
      return pause
    }
    const { level, text } = advice(error, this.#d.hotkey)
    log[level]({ code: error.code, reason: error.message, retry_ms: Math.round(pause) }, text)
    return error.code === 'agent_conflict' || error.code === 'agent_too_old' ? CONFLICT_MS : pause
  }
}

/** Who may act comes from the chain, but at an edge for development. */
export const admissionFix = (hotkey: string) =>
  `register it on the subnet of this edge (compute miner status says how), which the edge hears of within about ten minutes; an edge in development may be told by its operator: compute admin allow ${hotkey} --role miner`

/** Roles follow permit and stake on the chain. */
export const WRONG_ROLE = 'it is a validator there, by its permit and stake on the chain; a miner needs a hotkey of its own'

/** What the operator of this agent can do about a refusal. */
export function advice(error: ControlError, hotkey: string): { level: 'error' | 'warn'; text: string } {
  switch (error.code) {
    case 'not_admitted':
      return { level: 'error', text: `the edge does not take this hotkey as a miner: ${admissionFix(hotkey)}` }
    case 'wrong_role':
      return { level: 'error', text: `the edge does not take this hotkey as a miner: ${WRONG_ROLE}` }
    case 'agent_conflict':
      return {
        level: 'error',
        text: 'another install speaks for this hotkey. Stop that agent; if it is lost, move its state directory here or run: compute miner takeover (what is rented there ends)',
      }
    case 'agent_too_old':
      return { level: 'error', text: 'this agent is too old for the edge: upgrade it' }
    case 'refused_facts':
      return { level: 'error', text: 'the edge does not take this host' }
    case 'wrong_receiver':
    case 'malformed_signature':
    case 'bad_signature':
      return { level: 'error', text: 'the edge does not take the signature of this agent' }
    default:
      return { level: 'warn', text: 'the edge did not answer as hoped' }
  }
}
