import { rest } from '../core/clock.ts'
import { reason } from '../core/mistake.ts'
import type { Container, ContainerIdentity, Space, Written } from '../core/ports.ts'
import type { Workers } from './apply.ts'
import type { Hold } from './hold.ts'
import { type Key, keyOf } from './key.ts'
import { guessMb, isTight, limitMb, type Over, overShare, reserveMb, type Room, type Use } from './share.ts'
import type { Tools } from './tools.ts'

/** Free room is one question to the kernel; what each has written is a walk through its files. */
const LOOK_MS = 2000
const WRITTEN_MS = 60_000
/** Who was let go to clean up may write that much more (MB) before it is held again. */
const GRACE_MB = 64
/** Room has to be back by that much (part of the reserve) before somebody is let go. */
const SLACK = 0.05
/** Part of the inodes of the disk that no tenant may use up. */
const INODES = 0.02

export type Guarding = {
  tools: Tools
  hold: Hold
  workers: Workers
  /** Something may have to be unfrozen. */ onRelease: () => void
}

type Now = Room & Space & { few: boolean }
type Held = { /** Of the wish it was frozen under. */ generation: number; mb: number; /** Else for its own limit. */ forReserve: boolean }
type Named = Pick<ContainerIdentity, 'allocation' | 'incarnation'>

/**
 * Keeps tenants from filling the disk of the host. Those over their share are frozen and told; everybody else is left alone. A
 * tenant that acts (restarts, or pauses and resumes) is let in to clean up.
 */
export class Guard {
  readonly #g: Guarding
  readonly #held = new Map<Key, Held>()
  /** Let in to clean up: what they had, and how the disk was. */
  readonly #cleaning = new Map<Key, { mb: number; was: Space }>()
  #writtenAt = -Infinity

  constructor(g: Guarding) {
    this.#g = g
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#g.tools
    let trouble: string | null = null
    while (!signal.aborted) {
      try {
        await this.look(signal)
        trouble = null
      } catch (error) {
        if (!signal.aborted && trouble !== reason(error)) log.warn({ err: error }, 'the disk of the engine cannot be guarded')
        trouble = reason(error)
      }
      await rest(clock, LOOK_MS, signal)
    }
  }

  /** One look. Rejects with the driver's error. */
  async look(signal?: AbortSignal): Promise<void> {
    const { driver, owner, clock, diskReserveGb } = this.#g.tools
    const space = await driver.space(signal)
    const now = { ...space, reserveMb: reserveMb(space.totalMb, diskReserveGb), few: space.freeInodes < INODES }
    this.#letGo(now)
    const tight = isTight(now) && this.#free().length > 0
    if (!tight && clock.monotonicMs() - this.#writtenAt < WRITTEN_MS) return
    const written = await driver.written(owner, signal)
    this.#writtenAt = clock.monotonicMs()
    await this.#judge(this.#uses(written, now), now)
  }

  /** Running, and nobody works on them. */
  #free(): Container[] {
    const busy = new Set(this.#g.workers.inFlight.map((f) => f.allocation))
    return (this.#g.tools.sight.containers ?? []).filter((c) => c.state === 'running' && !busy.has(c.allocation))
  }

  #uses(written: (Named & Written)[], now: Now): Use[] {
    const limits = new Map((this.#g.hold.wish?.entries ?? []).flatMap((e) => (e.kind === 'container' ? [[keyOf(e), e.limits.disk_gb]] : [])))
    const known = written.map((w) => ({ ...w, key: keyOf(w), blind: w.mb === null, mb: w.mb ?? this.#lastMb(keyOf(w)) }))
    const guess = guessMb(known, now)
    return known.map((w) => {
      const held = this.#held.get(w.key)
      if (held && w.mb !== null) this.#held.set(w.key, { ...held, mb: w.mb })
      return { ...w, mb: w.mb ?? guess, limitMb: limitMb(limits.get(w.key) ?? Infinity, w.boundMb) }
    })
  }

  /** What it was taken for when it was frozen, or measured at since. */
  #lastMb(key: Key): number | null {
    return this.#held.get(key)?.mb ?? this.#cleaning.get(key)?.mb ?? null
  }

  async #judge(uses: Use[], now: Now): Promise<void> {
    const over = new Map(overShare(uses, now).map((o) => [o.key, o]))
    for (const key of this.#cleaning.keys()) if (!over.has(key)) this.#cleaning.delete(key)
    for (const c of this.#free()) {
      const o = over.get(keyOf(c))
      if (o && !this.#mayClean(o, now)) await this.#freeze(c, o, now)
    }
  }

  /** Of one that cannot be measured only the disk tells whether it writes. */
  #mayClean(o: Over, now: Now): boolean {
    const since = this.#cleaning.get(o.key)
    if (!since) return false
    if (!o.blind) return o.mb <= since.mb + GRACE_MB
    return now.freeMb >= since.was.freeMb - GRACE_MB && now.freeInodes >= since.was.freeInodes * (1 - SLACK)
  }

  async #freeze(c: Container, o: Over, now: Now): Promise<void> {
    const { driver, owner, book, log, changed } = this.#g.tools
    const message = `${said(o, now)}. It is paused: restart it, or pause and resume it, then delete files`
    // Noted first: what is noted is not unfrozen by the reconciler.
    book.write(c, { held: { code: 'disk_full', message } })
    this.#held.set(o.key, { generation: this.#generation(o.key), mb: o.mb, forReserve: o.blind || o.mb <= o.limitMb })
    this.#cleaning.delete(o.key)
    log.warn(
      {
        allocation: c.allocation,
        incarnation: c.incarnation,
        written_mb: o.blind ? null : o.mb,
        share_mb: o.shareMb,
        free_mb: now.freeMb,
        free_inodes: now.freeInodes,
      },
      'over its share of the disk: paused',
    )
    try {
      await driver.pause(owner, c)
    } catch (error) {
      this.#release(o.key)
      throw error
    } finally {
      changed()
    }
  }

  #letGo(now: Now): void {
    const roomy = now.freeMb > now.reserveMb * (1 + SLACK) && now.freeInodes > INODES * (1 + SLACK)
    for (const [key, { generation, mb, forReserve }] of this.#held) {
      const acted = this.#generation(key) !== generation
      if (acted) this.#cleaning.set(key, { mb, was: now })
      if (acted || (forReserve && roomy)) this.#release(key)
    }
  }

  #release(key: Key): void {
    const { tools, onRelease } = this.#g
    this.#held.delete(key)
    const [allocation = '', incarnation] = key.split('/')
    tools.book.write({ allocation, incarnation: Number(incarnation) }, { held: null })
    tools.changed()
    onRelease()
  }

  #generation(key: Key): number {
    return this.#g.hold.wish?.entries.find((e) => keyOf(e) === key)?.generation ?? -1
  }
}

/** Why it is frozen, in words its tenant may read. */
function said({ mb, boundMb, shareMb, blind }: Over, now: Now): string {
  const left = now.few
    ? `${(now.freeInodes * 100).toFixed(1)} % of its room for files left`
    : `${now.freeMb} MB left of the ${Math.ceil(now.reserveMb)} MB that stay reserved`
  const why = isTight(now) ? `this host has ${left}` : 'that is its limit'
  if (blind) return `the files of the container are too many to be measured in time; ${why}`
  return `the container wrote ${mb} MB${boundMb === undefined ? '' : ` (${boundMb} of them to its own disk)`} and may have ${shareMb} MB; ${why}`
}
