import { DEADLINE_MS } from '../../schema/index.ts'
import { rest } from '../core/clock.ts'
import { type Clock, type Driver, DriverError, type PullProgress } from '../core/ports.ts'
import { reserveMb } from './share.ts'

const STALLED_MS = 60_000
const CHECK_MS = 1000
/** Seldom enough for the engine, often enough for a fast line. */
const SPACE_MS = 3000
/** A pull stops that much (times the reserve) before tenants would be paused for what it took. */
const ENOUGH = 1.05

export type Pulling = { driver: Driver; clock: Clock; diskReserveGb: number | null }

/** Rejects `disk_full` when less is free than so many times the reserve. */
export async function needRoom({ driver, diskReserveGb }: Pulling, reference: string, times: number, signal: AbortSignal): Promise<void> {
  const { freeMb, totalMb } = await driver.space(signal)
  const reserve = reserveMb(totalMb, diskReserveGb)
  if (freeMb >= times * reserve) return
  throw new DriverError('disk_full', `${reference} is not pulled: this host has ${freeMb} MB left of the ${Math.ceil(reserve)} MB that stay reserved`)
}

/**
 * Pulls an image, and gives up when no byte came for a minute or twenty minutes are over: engines retry a broken layer for very long
 * without saying so. Stops with `disk_full` before it touches the reserve.
 */
export async function pullWithin(p: Pulling, reference: string, onProgress: (p: PullProgress) => void, signal: AbortSignal): Promise<void> {
  const { driver, clock } = p
  await needRoom(p, reference, ENOUGH, signal)
  const begun = clock.monotonicMs()
  const done = new AbortController()
  const stop = new AbortController()
  let at = begun
  let current = -1
  let spaceAt = begun
  let why: DriverError | null = null
  const failed = (message: string) => new DriverError('pull_failed', message)
  const full = async () => {
    spaceAt = clock.monotonicMs()
    const said = await needRoom(p, reference, ENOUGH, done.signal).catch((error: unknown) => error)
    return said instanceof DriverError && said.code === 'disk_full' ? said : null
  }
  const guard = async () => {
    while (!done.signal.aborted && !why) {
      await rest(clock, CHECK_MS, done.signal)
      const now = clock.monotonicMs()
      if (now - at > STALLED_MS) why = failed(`no byte of ${reference} came for ${STALLED_MS / 1000} s`)
      else if (now - begun > DEADLINE_MS.pull) why = failed(`${reference} was not here after ${DEADLINE_MS.pull / 60_000} minutes`)
      else if (now - spaceAt >= SPACE_MS) why = await full()
    }
    if (why) stop.abort()
  }
  const watching = guard()
  const moved = (p: PullProgress) => {
    if (p.current !== current) at = clock.monotonicMs()
    current = p.current
    onProgress(p)
  }
  try {
    await driver.pull(reference, moved, AbortSignal.any([signal, stop.signal]))
  } catch (error) {
    throw why ?? error
  } finally {
    done.abort()
    await watching
  }
}
