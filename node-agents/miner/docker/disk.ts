import { statfs } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { reason } from '../../core/mistake.ts'
import { DriverError, type Owner, type Space } from '../../core/ports.ts'
import type { Engine, Row } from './client.ts'
import type { Disks } from './disks.ts'
import { containerOf, ofOwner } from './labels.ts'

const MB = 1024 * 1024
/** What a walk through the files of one container may take before it counts as not measured. */
const WITHIN_MS = 10_000

/** Room on the disk the engine writes to, which must be of this host. @throws DriverError */
export async function space(engine: Engine, signal?: AbortSignal): Promise<Space> {
  const { DockerRootDir } = await engine.info(signal)
  try {
    const { bavail, blocks, bsize, files, ffree } = await statfs(DockerRootDir)
    // Some file systems make inodes as they need them, and count none.
    return { freeMb: Math.floor((bavail * bsize) / MB), totalMb: Math.floor((blocks * bsize) / MB), freeInodes: files > 0 ? ffree / files : 1 }
  } catch (error) {
    throw new DriverError('engine_error', `the disk of the engine cannot be looked at: ${reason(error)}`, error)
  }
}

type Walk = { begunMs: number; late: boolean; bytes: Promise<number | null> }

/**
 * Measures what containers wrote. The engine walks through the files for it, and does not stop when nobody waits any more: so there is
 * one walk at a time for each container, and none keeps others from being measured.
 */
export class Meter {
  readonly #engine: Engine
  readonly #disks: Pick<Disks, 'taken'>
  readonly #withinMs: number
  readonly #walks = new Map<string, Walk>()
  readonly #closed = new AbortController()

  constructor(engine: Engine, disks: Pick<Disks, 'taken'>, withinMs = WITHIN_MS) {
    this.#engine = engine
    this.#disks = disks
    this.#withinMs = withinMs
  }

  /** Megabytes each of ours has written on top of its image, and to its disk; null: not measured in time. @throws DriverError */
  async written(owner: Owner, signal?: AbortSignal) {
    const rows = await this.#engine.list({ label: ofOwner(owner) }, signal)
    const here = new Set(rows.map((row) => row.Id))
    for (const id of this.#walks.keys()) if (!here.has(id)) this.#walks.delete(id)
    const each = rows.map(async (row) => {
      const c = containerOf(owner, row)
      if (!c) return []
      const [bytes, onDisk] = await Promise.all([this.#bytes(row), this.#disks.taken(row)])
      const mb = bytes === null ? null : Math.ceil(bytes / MB) + (onDisk ?? 0)
      return [{ allocation: c.allocation, incarnation: c.incarnation, mb, ...(onDisk !== null && { boundMb: onDisk }) }]
    })
    return (await Promise.all(each)).flat()
  }

  /** Nobody waits for a walk any more. */
  close(): void {
    this.#closed.abort()
  }

  async #bytes({ Id, State }: Row): Promise<number | null> {
    const walk = this.#walks.get(Id) ?? this.#begin(Id)
    const left = Math.max(0, walk.begunMs + this.#withinMs - performance.now())
    const timer = new AbortController()
    const late = sleep(left, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const)
    const bytes = await Promise.race([walk.bytes, late]).finally(() => timer.abort())
    const wasLate = walk.late
    walk.late ||= bytes === 'late'
    if (bytes === 'late') return null
    this.#walks.delete(Id)
    // What took long tells how it was long ago: that is still true of what is frozen since.
    return State === 'running' && wasLate ? null : bytes
  }

  #begin(id: string): Walk {
    const bytes = this.#engine.written(id, this.#closed.signal)
    bytes.catch(() => undefined) // whoever asks next hears of it
    const walk = { begunMs: performance.now(), late: false, bytes }
    this.#walks.set(id, walk)
    return walk
  }
}
