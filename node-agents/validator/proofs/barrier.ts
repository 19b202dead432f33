import type { Clock } from '../../core/ports.ts'
import type { Seat } from '../../core/proof/seat.ts'

/** So many sessions start at the same moment, at most (DESIGN §10). */
export const WAVE = 32
/** So long those who are ready wait for the others. A proof is over after five minutes, and most of that is for the work. */
export const PATIENCE_MS = 60_000

/** Where one of a wave is: not ready yet, ready since (milliseconds), or no longer waited for. */
export type MemberState = { is: 'coming' } | { is: 'there'; sinceMs: number } | { is: 'gone' }

/**
 * Whether those who are ready start now, or when they do at the latest (`inMs`; null: nobody is ready). Pure. They start together once
 * nobody is missing, and wait for a missing one no longer than the patience of the first.
 */
export function whenToStart(places: readonly MemberState[], nowMs: number, patienceMs: number): { open: boolean; inMs: number | null } {
  const since = places.flatMap((p) => (p.is === 'there' ? [p.sinceMs] : []))
  if (since.length === 0) return { open: false, inMs: null }
  const inMs = Math.min(...since) + patienceMs - nowMs
  const open = inMs <= 0 || !places.some((p) => p.is === 'coming')
  return { open, inMs: open ? null : inMs }
}

type Member = { place: MemberState; start: (() => void) | null; startedIn: number | null }

/** Where the miners of one wave meet before their clocks start. Those who come too late start together with others who do. */
export class Barrier {
  readonly #members: Map<string, Member>
  readonly #clock: Clock
  readonly #patienceMs: number
  #starts = 0
  #alarm: AbortController | null = null

  /** @param names everybody who is expected */
  constructor(names: Iterable<string>, { clock, patienceMs = PATIENCE_MS }: { clock: Clock; patienceMs?: number }) {
    this.#members = new Map([...names].map((name) => [name, { place: { is: 'coming' }, start: null, startedIn: null }]))
    this.#clock = clock
    this.#patienceMs = patienceMs
  }

  /** The seat of one who is expected. @throws RangeError for anybody else */
  seat(name: string): Seat {
    const member = this.#members.get(name)
    if (!member) throw new RangeError(`${name} is not expected here`)
    return { arrive: (signal) => this.#arrive(member, signal), leave: () => this.#leave(member) }
  }

  /** Which start of this barrier was its own, counted from 1; null: none. */
  startOf(name: string): number | null {
    return this.#members.get(name)?.startedIn ?? null
  }

  async #arrive(member: Member, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = () => {
      this.#leave(member)
      reject(signal.reason)
    }
    signal.addEventListener('abort', onAbort, { once: true })
    member.start = resolve
    member.place = { is: 'there', sinceMs: this.#clock.monotonicMs() }
    this.#look()
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  #leave(member: Member): void {
    if (member.place.is === 'gone') return
    member.place = { is: 'gone' }
    this.#look()
  }

  #look(): void {
    this.#alarm?.abort()
    this.#alarm = null
    const places = [...this.#members.values()].map((m) => m.place)
    const { open, inMs } = whenToStart(places, this.#clock.monotonicMs(), this.#patienceMs)
    if (open) this.#open()
    else if (inMs !== null) this.#lookIn(inMs)
  }

  #lookIn(ms: number): void {
    const alarm = new AbortController()
    this.#alarm = alarm
    this.#clock.sleep(ms, alarm.signal).then(
      () => this.#look(),
      () => undefined, // somebody came or went, and looked
    )
  }

  #open(): void {
    this.#starts++
    for (const member of this.#members.values()) {
      if (member.place.is !== 'there') continue
      member.place = { is: 'gone' }
      member.startedIn = this.#starts
      member.start?.()
    }
  }
}
