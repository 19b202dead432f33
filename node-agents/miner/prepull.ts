import { Backoff } from '../core/backoff.ts'
import { rest } from '../core/clock.ts'
import type { Log } from '../core/log.ts'
import { reason } from '../core/mistake.ts'
import type { Driver } from '../core/ports.ts'
import { needRoom, type Pulling, pullWithin } from './pull.ts'

const EVERY_MS = 3600_000
const TRIES = 5
/** Between two looks whether a tenant still waits for an image. */
const QUIET_MS = 1000
/** Nobody waits for it: so much room (times the reserve) leaves tenants some, whatever its size. */
const CLEARLY_ENOUGH = 2

/** Pulls that a tenant waits for. Everything else gives way to them. */
export class TenantPulls {
  #running: string[] = []
  #begun = new AbortController()

  get busy(): boolean {
    return this.#running.length > 0
  }

  /** A driver whose pulls are a tenant's. @param onPulled called when an image came */
  through(driver: Driver, onPulled: () => void): Driver {
    const pull: Driver['pull'] = async (reference, onProgress, signal) => {
      this.#running.push(reference)
      this.#begun.abort(reference)
      try {
        await driver.pull(reference, onProgress, signal)
        onPulled()
      } finally {
        this.#running.splice(this.#running.indexOf(reference), 1)
      }
    }
    return { ...driver, pull }
  }

  /** Fires when a tenant begins to wait for an image from now on; its reason is which. */
  next(): AbortSignal {
    this.#begun = new AbortController()
    return this.#begun.signal
  }
}

export type Prepull = Pulling & { images: readonly string[]; tenants: TenantPulls; onPulled: () => void; log: Log }

/** Loop: the images this host offers are here before somebody waits for one. One at a time, and never in the way of a tenant. */
export async function prepullLoop(p: Prepull, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    for (const image of p.images) await bring(p, image, signal)
    await rest(p.clock, EVERY_MS, signal)
  }
}

async function bring(p: Prepull, image: string, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(30_000, 10 * 60_000)
  for (let tries = 0; tries < TRIES && !signal.aborted;) {
    const outcome = await attempt(p, image, signal)
    if (outcome === 'here') return
    if (outcome === 'gave way') continue
    tries++
    if (!signal.aborted && tries < TRIES) await rest(p.clock, backoff.next(), signal)
  }
}

async function attempt(p: Prepull, image: string, signal: AbortSignal): Promise<'here' | 'gave way' | 'failed'> {
  const { driver, clock, tenants, onPulled, log } = p
  const way = new AbortController()
  try {
    if (await driver.hasImage(image, signal)) return 'here'
    while (tenants.busy) await clock.sleep(QUIET_MS, signal)
    const begun = tenants.next()
    // The engine makes one of two pulls of the same image, so only another one is in the way.
    begun.addEventListener('abort', () => begun.reason !== image && way.abort(), { once: true })
    await needRoom(p, image, CLEARLY_ENOUGH, signal)
    log.info({ image }, 'pulling an image before somebody waits for it')
    await pullWithin(p, image, () => undefined, AbortSignal.any([signal, way.signal]))
    log.info({ image }, 'the image is here')
    onPulled()
    return 'here'
  } catch (error) {
    if (way.signal.aborted) return 'gave way'
    if (!signal.aborted) log.warn({ image, reason: reason(error) }, 'the image cannot be pulled now; it is tried again')
    return 'failed'
  }
}
