import { randomBytes } from 'node:crypto'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errno, reason } from '../../core/mistake.ts'
import { DriverError } from '../../core/ports.ts'
import type { Engine } from './client.ts'
import { clip } from './errors.ts'
import { attach, destroy, format, wasMounted } from './image.ts'
import { PROBE_LABEL, Quota } from './quota.ts'
import { volumeMount } from './spec.ts'
import type { Tool } from './tool.ts'

/** Ways to bound what a container writes. */
export type Way = 'quota' | 'volume'

/** Which may be used, by what the operator says; the better one first. */
export const WAYS = { auto: ['quota', 'volume'], volume: ['volume'], shared: [] } as const satisfies Record<string, readonly Way[]>

export type Bound = { disk: Way | 'shared'; /** Why no better one. */ because: string | null }

/** What it takes, and how to ask each whether it is here. */
const TOOLS = [
  ['losetup', '--version'],
  ['mkfs.ext4', '-V'],
  ['debugfs', '-V'],
] as const

/** Files of probes begin so; no owner's do. */
const PROBE = 'compute-probe-'
/** A probe that is older (ms) was left by somebody who died. */
const STALE_MS = 10 * 60_000
/** Every image has it, and the engine copies what is in it to a new volume: so it has to mount that. */
const THERE = '/etc'

/** Which way works on this host: each is tried once, the better one first. What was once found out stays. */
export class Bounding {
  readonly #engine: Engine
  readonly #tool: Tool
  readonly #ways: readonly Way[]
  readonly #quota: Quota
  /** Why volumes do not work; null: they do. */
  #volume: string | null | undefined = undefined

  /** @param ways that may be used at all */
  constructor(engine: Engine, tool: Tool, ways: readonly Way[]) {
    this.#engine = engine
    this.#tool = tool
    this.#ways = ways
    this.#quota = new Quota(engine)
  }

  /** The way containers are made by now. */
  get way(): Way | null {
    if (this.#quota.kept) return 'quota'
    return this.#volume === null ? 'volume' : null
  }

  /** Without any image there is nothing to try with, and the next look tries again. @throws DriverError */
  async look(signal?: AbortSignal): Promise<Bound> {
    if (this.#ways.includes('quota') && (await this.#quota.look(signal))) return { disk: 'quota', because: null }
    const because = this.#ways.includes('quota') ? 'the engine has no quotas' : 'quotas are switched off'
    if (!this.#ways.includes('volume')) return { disk: 'shared', because: 'disks of their own are switched off' }
    const image = this.#volume === undefined ? await this.#engine.anyImage(signal) : null
    if (image !== null) this.#volume = await volumeFails(this.#engine, this.#tool, image)
    return this.#volume === null ? { disk: 'volume', because } : { disk: 'shared', because: this.#volume ?? 'there is no image to try with' }
  }
}

/** Makes a disk and has the engine mount it. @returns why it does not work, or null */
async function volumeFails(engine: Engine, tool: Tool, image: string): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'the agent does not run as root'
  const folder = join((await engine.info()).DockerRootDir, 'compute-disks')
  const name = `${PROBE}${randomBytes(4).toString('hex')}`
  try {
    for (const [file, version] of TOOLS) await tool(file, [version])
    await clear(engine, tool, folder)
    return (await mounts(engine, tool, image, join(folder, name))) ? null : 'the engine did not mount a volume of ours'
  } catch (error) {
    if (error instanceof DriverError && error.code === 'away') throw error
    const missing = errno(error instanceof Error ? error.cause : null) === 'ENOENT'
    return clip(missing ? `${reason(error).split(':')[0]} is not on this host` : reason(error))
  } finally {
    await erase(engine, tool, join(folder, name)).catch(() => undefined)
  }
}

async function mounts(engine: Engine, tool: Tool, image: string, path: string): Promise<boolean> {
  const [file, device] = [`${path}.img`, `${path}.dev`]
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await format(tool, file, 1, '0:0')
  await attach(tool, file, device)
  const Mounts = [volumeMount({ name: nameAt(path), device }, THERE, {})]
  const id = await engine.create({ Image: image, Cmd: ['true'], Labels: { [PROBE_LABEL]: String(Date.now()) }, HostConfig: { Mounts } })
  if (id !== null) await engine.remove(id)
  return wasMounted(file)
}

const nameAt = (path: string) => path.slice(path.lastIndexOf('/') + 1)

async function erase(engine: Engine, tool: Tool, path: string): Promise<void> {
  if (await engine.removeVolume(nameAt(path))) await destroy(tool, `${path}.img`, `${path}.dev`)
}

/** What probes left that were killed. */
async function clear(engine: Engine, tool: Tool, folder: string): Promise<void> {
  const files = await readdir(folder).catch(() => [])
  for (const file of files.filter((f) => f.startsWith(PROBE) && f.endsWith('.img'))) {
    const path = join(folder, file)
    if (Date.now() - (await stat(path)).mtimeMs < STALE_MS) continue
    for (const row of await engine.list({ volume: [file.slice(0, -4)], label: [PROBE_LABEL] })) await engine.remove(row.Id)
    await erase(engine, tool, path.slice(0, -4))
  }
}
