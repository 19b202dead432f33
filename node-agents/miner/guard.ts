import { rest } from '../core/clock.ts'
import { reason } from '../core/mistake.ts'
import type { Container, ContainerIdentity, Written } from '../core/ports.ts'
import type { Workers } from './apply.ts'
import type { Hold } from './hold.ts'
import { type Key, keyOf } from './key.ts'
import { limitMb, type Over, overShare, reserveMb, type Use } from './share.ts'
import type { Tools } from './tools.ts'

/** Free room is one question to the kernel; what each has written is a walk through its files. */
const LOOK_MS = 2000
const WRITTEN_MS = 60_000
/** Who was let go to clean up may write that much more (MB) before it is held again. */
const GRACE_MB = 64
/** Room has to be back by that much (part of the reserve) before somebody is let go. */
const SLACK = 0.05

export type Guarding = {
  tools: Tools
  hold: Hold
  workers: Workers
  /** Something may have to be unfrozen. */ onRelease: () => void
  diskReserveGb: number | null
}

type Space = { freeMb: number; reserveMb: number }

/**
 * Keeps tenants from filling the disk of the host. Those over their share are frozen and told; everybody else is left alone. A
 * tenant that acts (restarts, or pauses and resumes) is let in to clean up.
 */
export class Guard {
  readonly #g: Guarding
  /** Frozen by us, with the wish they were frozen under. */
  readonly #held = new Map<Key, { generation: number; mb: number; /** Else for its own limit. */ forReserve: boolean }>()
  /** Let in to clean up, and how much they may have meanwhile. */
  readonly #cleaning = new Map<Key, number>()
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
    const { driver, owner, clock } = this.#g.tools
    const { freeMb, totalMb } = await driver.space(signal)
    const space = { freeMb, reserveMb: reserveMb(totalMb, this.#g.diskReserveGb) }
    this.#letGo(space)
    const tight = freeMb < space.reserveMb && this.#free().length > 0
    if (!tight && clock.monotonicMs() - this.#writtenAt < WRITTEN_MS) return
    const written = await driver.written(owner, signal)
    this.#writtenAt = clock.monotonicMs()
    await this.#judge(this.#uses(written), space)
  }

  /** Running, and nobody works on them. */
  #free(): Container[] {
    const busy = new Set(this.#g.workers.inFlight.map((f) => f.allocation))
    return (this.#g.tools.sight.containers ?? []).filter((c) => c.state === 'running' && !busy.has(c.allocation))
  }

  #uses(written: (Pick<ContainerIdentity, 'allocation' | 'incarnation'> & Written)[]): Use[] {
    const limits = new Map((this.#g.hold.wish?.entries ?? []).flatMap((e) => (e.kind === 'container' ? [[keyOf(e), e.limits.disk_gb]] : [])))
    return written.map((w) => ({ ...w, key: keyOf(w), limitMb: limitMb(limits.get(keyOf(w)) ?? Infinity, w.boundMb) }))
  }

  async #judge(uses: Use[], space: Space): Promise<void> {
    const over = new Map(overShare(uses, space).map((o) => [o.key, o]))
    for (const key of this.#cleaning.keys()) if (!over.has(key)) this.#cleaning.delete(key)
    for (const c of this.#free()) {
      const o = over.get(keyOf(c))
      if (o && o.mb > (this.#cleaning.get(o.key) ?? -1)) await this.#freeze(c, o, space)
    }
  }

  async #freeze(c: Container, o: Over, { freeMb, reserveMb: reserve }: Space): Promise<void> {
    const { driver, owner, book, log, changed } = this.#g.tools
    const why = freeMb < reserve ? `this host has ${freeMb} MB left of the ${Math.ceil(reserve)} MB that stay reserved` : 'that is its limit'
    const message = `the container wrote ${o.mb} MB${o.boundMb === undefined ? '' : ` (${o.boundMb} of them to its own disk)`} and may have ${o.shareMb} MB; ${why}. It is paused: restart it, or pause and resume it, then delete files`
    // Noted first: what is noted is not unfrozen by the reconciler.
    book.write(c, { held: { code: 'disk_full', message } })
    this.#held.set(o.key, { generation: this.#generation(o.key), mb: o.mb, forReserve: o.mb <= o.limitMb })
    this.#cleaning.delete(o.key)
    log.warn(
      { allocation: c.allocation, incarnation: c.incarnation, written_mb: o.mb, share_mb: o.shareMb, free_mb: freeMb },
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

  #letGo({ freeMb, reserveMb: reserve }: Space): void {
    for (const [key, { generation, mb, forReserve }] of this.#held) {
      const acted = this.#generation(key) !== generation
      if (acted) this.#cleaning.set(key, mb + GRACE_MB)
      if (acted || (forReserve && freeMb > reserve * (1 + SLACK))) this.#release(key)
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
