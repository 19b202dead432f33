import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { reason } from '../../core/mistake.ts'
import { DriverError, type Owner } from '../../core/ports.ts'
import type { Engine, Row } from './client.ts'
import { clip } from './errors.ts'
import { attach, destroy, detachStale, format, isWhole, taken } from './image.ts'
import { ofOwner } from './labels.ts'
import type { Tool } from './tool.ts'

/** A disk for one container. `name` is the engine's volume too. */
export type Disk = { name: string; /** Path that leads to its loop device. */ device: string; gb: number }

/** `used`: a container has it now. `free`: none does. */
export type DiskLease = { disk: Disk; settle(outcome: 'used' | 'free'): void }

/** Beside what the engine writes: what disks take counts on the disk that is watched. */
const FOLDER = 'compute-disks'
const TIDY_MS = 60_000
/** No start waits for the spare of the next one: it is made when nothing starts. Sooner than networks: it is done sooner. */
const REFILL_MS = 1000

/** Sizes go in steps of a sixteenth, so that the spare fits although the room of the host moved a little. Pure. @returns GB, at most what was asked for */
export function sizeOf(gb: number): number {
  const step = Math.max(1, 2 ** (Math.floor(Math.log2(Math.max(1, gb))) - 4))
  return Math.max(1, Math.floor(gb / step) * step)
}

/** Where the engine keeps its things says who root of its containers is: "…/231072.231072" where users are remapped. Pure. */
export const rootOf = (dockerRoot: string) => /\/(\d+)\.(\d+)\/?$/.exec(dockerRoot)?.slice(1).join(':') ?? '0:0'

const nameOf = (prefix: string, owner: Owner) => `${prefix}-${createHash('sha256').update(ofOwner(owner).join('\n')).digest('hex').slice(0, 16)}-`

/**
 * One disk of a fixed size per container: a file with a file system, behind a loop device, which the engine mounts as a volume. Which
 * container has which disk stands with the container; a file of ours that no container names is a spare or a leftover. No disk is used
 * twice: a tenant wrote to it.
 */
export class Disks {
  readonly #engine: Engine
  readonly #tool: Tool
  readonly #s: { prefix: string; spares: boolean }
  readonly #spares = new Map<string, Disk>()
  readonly #leased = new Set<string>()
  readonly #erasing = new Map<string, Promise<void>>()
  readonly #work = new Set<Promise<unknown>>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Owners whose links lead to their own devices. */
  readonly #sound = new Set<string>()
  #dockerRoot: string | null = null
  #tidiedAt = -Infinity
  #closed = false

  /** @param settings.prefix names of files and volumes begin so @param settings.spares whether one is made ahead, of the size last asked for */
  constructor(engine: Engine, tool: Tool, settings: { prefix: string; spares: boolean }) {
    this.#engine = engine
    this.#tool = tool
    this.#s = settings
  }

  /** A new or a spare one, of `gb` or a little less. @throws DriverError */
  async take(owner: Owner, gb: number): Promise<DiskLease> {
    const key = nameOf(this.#s.prefix, owner)
    const spare = this.#spares.get(key)
    const fits = spare?.gb === sizeOf(gb)
    if (fits) {
      this.#spares.delete(key)
      this.#leased.add(spare.name)
    }
    const disk = fits && (await this.#isThere(spare)) ? spare : await this.#make(owner, sizeOf(gb))
    const settle: DiskLease['settle'] = (outcome) => {
      this.#leased.delete(disk.name)
      if (outcome === 'free') this.#behind(this.#erase(disk.name))
      this.#refillSoon(owner, disk.gb)
    }
    return { disk, settle }
  }

  /** The disk a container has, if it is one of ours. */
  nameIn(row: Pick<Row, 'Mounts'> | null): string | null {
    return row?.Mounts?.find((mount) => mount.Name?.startsWith(`${this.#s.prefix}-`))?.Name ?? null
  }

  /**
   * Once per owner, before anything of theirs is made or started: what the host's last boot left pointing at another tenant's disk
   * would be mounted by whoever starts a container past the agent. What cannot be looked at now is looked at the next time.
   */
  async mend(owner: Owner, signal?: AbortSignal): Promise<void> {
    const key = nameOf(this.#s.prefix, owner)
    if (this.#sound.has(key)) return
    try {
      this.#dockerRoot ??= (await this.#engine.info(signal)).DockerRootDir
      for (const name of await this.#namesOf(owner)) {
        const { image, device } = await this.#pathsOf(name)
        await detachStale(this.#tool, image, device)
      }
      this.#sound.add(key)
    } catch {
      return // with the next list
    }
  }

  /** Before a container starts again: the host may have booted since. @throws DriverError */
  async attach(name: string): Promise<void> {
    const { image, device } = await this.#pathsOf(name)
    await saying(`the disk ${name} cannot be attached`, () => attach(this.#tool, image, device))
  }

  /** Its container is gone, so it goes too. Never rejects: what is left is found again by the next look. */
  async release(name: string): Promise<void> {
    await this.#erase(name).catch(() => undefined)
  }

  /** Megabytes of the host's disk that a container's disk takes; null: it has none. */
  async taken(row: Row): Promise<number | null> {
    const name = this.nameIn(row)
    return name === null ? null : taken((await this.#pathsOf(name)).image).catch(() => null)
  }

  /** Now and then: what was left behind goes. @param rows all containers of the engine, as they were a moment ago */
  tidy(owner: Owner, rows: readonly Row[]): void {
    if (performance.now() - this.#tidiedAt < TIDY_MS) return
    this.#tidiedAt = performance.now()
    this.#behind(this.#collect(owner, new Set(rows.map((row) => this.nameIn(row)))))
  }

  /** Nothing is kept ready any more. Resolves when all is done that was under way. */
  async close(): Promise<void> {
    this.#closed = true
    for (const timer of this.#timers) clearTimeout(timer)
    const spares = [...this.#spares.values()]
    this.#spares.clear()
    for (const { name } of spares) this.#behind(this.#erase(name))
    while (this.#work.size > 0) await Promise.all(this.#work)
  }

  /** Nobody keeps the files of a spare but us: a start must not fail because somebody took them away. */
  async #isThere({ name, device }: Disk): Promise<boolean> {
    const whole = await isWhole((await this.#pathsOf(name)).image, device)
    if (!whole) this.#leased.delete(name)
    return whole
  }

  async #make(owner: Owner, gb: number): Promise<Disk> {
    const name = `${nameOf(this.#s.prefix, owner)}${randomBytes(4).toString('hex')}`
    const { folder, image, device, root } = await this.#pathsOf(name)
    this.#leased.add(name)
    try {
      await saying('no disk could be made', async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await format(this.#tool, image, gb, root)
        await attach(this.#tool, image, device)
      })
      return { name, device, gb }
    } catch (error) {
      this.#leased.delete(name)
      this.#behind(this.#erase(name))
      throw error
    }
  }

  /** The engine refuses to let go of a volume that a container names: then all of it stays. */
  #erase(name: string): Promise<void> {
    const work = async () => {
      const { image, device } = await this.#pathsOf(name)
      if (await this.#engine.removeVolume(name)) await destroy(this.#tool, image, device)
    }
    const known = this.#erasing.get(name) ?? work().finally(() => this.#erasing.delete(name))
    this.#erasing.set(name, known)
    return known
  }

  async #collect(owner: Owner, used: ReadonlySet<string | null>): Promise<void> {
    // Asked anew for each: while one goes, another becomes the spare.
    const isKnown = (name: string) => used.has(name) || this.#leased.has(name) || this.#spares.get(nameOf(this.#s.prefix, owner))?.name === name
    for (const name of await this.#namesOf(owner)) if (!isKnown(name)) await this.#erase(name)
  }

  /** Of all files of this owner's disks. */
  async #namesOf(owner: Owner): Promise<Set<string>> {
    const files = await readdir((await this.#pathsOf('')).folder)
    return new Set(files.filter((file) => file.startsWith(nameOf(this.#s.prefix, owner))).map((file) => file.replace(/\..*$/, '')))
  }

  async #pathsOf(name: string) {
    this.#dockerRoot ??= (await this.#engine.info()).DockerRootDir
    const folder = join(this.#dockerRoot, FOLDER)
    return { folder, image: join(folder, `${name}.img`), device: join(folder, `${name}.dev`), root: rootOf(this.#dockerRoot) }
  }

  #refillSoon(owner: Owner, gb: number): void {
    if (this.#closed || !this.#s.spares) return
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      if (this.#leased.size > 0) this.#refillSoon(owner, gb)
      else this.#behind(this.#refill(owner, gb))
    }, REFILL_MS)
    timer.unref()
    this.#timers.add(timer)
  }

  async #refill(owner: Owner, gb: number): Promise<void> {
    const key = nameOf(this.#s.prefix, owner)
    const old = this.#spares.get(key)
    if (old?.gb === gb) return
    this.#spares.delete(key)
    if (old) await this.#erase(old.name)
    const made = await this.#make(owner, gb)
    this.#leased.delete(made.name)
    if (this.#closed || this.#spares.has(key)) await this.#erase(made.name)
    else this.#spares.set(key, made)
  }

  /** Whoever caused it is served already; what fails here is found again by the next look. */
  #behind(work: Promise<unknown>): void {
    const done = work.catch(() => undefined).finally(() => this.#work.delete(done))
    this.#work.add(done)
  }
}

/** What fails on this host is no failure of the engine. */
async function saying(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw new DriverError(/no space left/i.test(reason(error)) ? 'disk_full' : 'engine_error', clip(`${what}: ${reason(error)}`), error)
  }
}
