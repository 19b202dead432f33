import type { Failure, FailureCode, WishRun } from '../../schema/index.ts'

/** What this host allows, whatever the edge says. Zero disk free means: not even the agent can write. */
export type Allowed = {
  images: readonly string[]
  /** UUIDs of the GPUs of this host; null: not known (nvidia-smi failed and never answered before). */
  gpus: ReadonlySet<string> | null
  cpus: number
  memoryMb: number
  diskMb: number
  diskFreeMb: number
  /** What of it stays free in any case. */
  diskReserveMb: number
}

const PIDS = 32_768
/** Below this, starting a container would only fill the disk under the tenants that are there. */
const FLOOR_MB = 1024

const no = (code: FailureCode, message: string): Failure => ({ code, message })

function ceiling(name: string, asked: number, most: number): Failure | null {
  return asked <= most ? null : no('limits_refused', `${name} ${asked} is more than this host gives (${most})`)
}

/**
 * Whether this host may run a wish at all. Pure.
 * @param foreignGpus held by containers of other agents on the same engine
 * @returns why not, or null
 */
export function accept({ image, gpus, limits }: WishRun, a: Allowed, foreignGpus: ReadonlySet<string>): Failure | null {
  if (!a.images.includes(image)) return no('image_refused', `this host does not run ${image}; it runs ${a.images.join(', ')}`.slice(0, 1000))
  if (gpus.length === 0) return no('limits_refused', 'this host rents out GPUs, and none is asked for')
  if (new Set(gpus).size < gpus.length) return no('limits_refused', 'a GPU is asked for twice')
  const known = a.gpus
  if (!known) return no('gpu_unavailable', 'nvidia-smi does not answer on this host')
  const strange = gpus.find((g) => !known.has(g))
  if (strange) return no('gpu_unavailable', `this host has no GPU ${strange}`)
  const lent = gpus.find((g) => foreignGpus.has(g))
  if (lent) return no('gpu_unavailable', `GPU ${lent} is held by another agent on this host`)
  if (a.diskFreeMb < Math.max(FLOOR_MB, a.diskReserveMb))
    return no('disk_full', `this host has ${a.diskFreeMb} MB of disk left, and ${Math.ceil(Math.max(FLOOR_MB, a.diskReserveMb))} MB stay reserved`)
  // Every GPU is in one container at most, so shares by GPU bound their sum too, whatever the edge says.
  const part = gpus.length / known.size
  return (
    ceiling('cpus', limits.cpus, Math.min(a.cpus, Math.max(1, a.cpus * part))) ??
    ceiling('memory_mb', limits.memory_mb, Math.floor(a.memoryMb * part)) ??
    ceiling('shm_mb', limits.shm_mb, limits.memory_mb) ??
    ceiling('disk_gb', limits.disk_gb, Math.ceil(a.diskMb / 1024)) ??
    ceiling('pids', limits.pids, PIDS)
  )
}
