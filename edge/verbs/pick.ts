import type { Limits } from '../../schema/sync.ts'
import type { Spec } from '../../schema/tables/allocations.ts'

/** A host with free GPUs of one model, as the store read it. */
export type Candidate = {
  hotkey: string
  modelKey: string
  free: number
  /** All GPUs of the host that are there, whatever their model. */
  total: number
  /** Free GPUs of the host, whatever their model. */
  hostFree: number
  warm: boolean
  /** Median of what validators say of it; null: nothing. */
  score: number | null
  cpus: number
  memoryMb: number
  diskFreeMb: number
}

/** One place to try: these many GPUs of this model (null: whatever is there) under these limits. */
export type Pick = { hotkey: string; modelKey: string | null; take: number; limits: Limits }

export const MAX_PICKS = 32

/** The part of the host that the agent may give away; the rest is for the host itself. */
const GIVEN = 0.9
const PIDS_PER_GPU = 4096
const MB_PER_GB = 1024

/**
 * Ranks where a spec could go, best first, at most 32, one a host: image on disk before not, then by score (unknown is
 * as none: it may be rented, last), then the host that is left with the fewest free GPUs (so that big requests still find room), then by
 * a hash that spreads equal ones.
 * @param salt differs by allocation
 */
export function pick(spec: Spec, candidates: Candidate[], avoid: ReadonlySet<string>, salt: string): Pick[] {
  const fit = candidates
    .filter((c) => !avoid.has(c.hotkey) && (spec.hotkey === undefined || spec.hotkey === c.hotkey))
    .map((c) => ({ candidate: c, pick: place(spec, c) }))
    .filter((x): x is { candidate: Candidate; pick: Pick } => x.pick !== null)
  fit.sort(
    (a, b) =>
      Number(b.candidate.warm) - Number(a.candidate.warm) ||
      (b.candidate.score ?? 0) - (a.candidate.score ?? 0) ||
      a.candidate.free - b.candidate.free ||
      hash(salt + a.candidate.hotkey) - hash(salt + b.candidate.hotkey) ||
      a.candidate.hotkey.localeCompare(b.candidate.hotkey),
  )
  const seen = new Set<string>()
  const once = fit.filter(({ candidate: { hotkey } }) => !seen.has(hotkey) && seen.add(hotkey))
  return once.slice(0, MAX_PICKS).map((x) => x.pick)
}

function place(spec: Spec, c: Candidate): Pick | null {
  const whole = spec.gpu.count === 'all'
  const take = spec.gpu.count === 'all' ? c.total : spec.gpu.count
  if (whole ? c.hostFree !== c.total || c.free !== c.total || c.total === 0 : c.free < take) return null
  const limits = share(c, take)
  const { min_cpus = 0, min_memory_gb = 0, min_disk_gb = 0 } = spec.host
  if (limits.cpus < min_cpus || limits.memory_mb < min_memory_gb * MB_PER_GB || limits.disk_gb < min_disk_gb) return null
  return { hotkey: c.hotkey, modelKey: whole ? null : c.modelKey, take, limits }
}

/** A tenant's part of the host is its part of the host's GPUs; everyone gets one CPU at least. */
export function share(host: Host, take: number): Limits {
  const part = take / Math.max(host.total, 1)
  const memory = Math.floor(host.memoryMb * GIVEN * part)
  return {
    cpus: Math.min(host.cpus, Math.max(1, Math.floor(host.cpus * part * 100) / 100)),
    memory_mb: memory,
    shm_mb: Math.floor(memory / 2),
    disk_gb: Math.floor((host.diskFreeMb * GIVEN * part) / MB_PER_GB),
    pids: PIDS_PER_GPU * take,
  }
}

type Host = Omit<Candidate, 'hotkey' | 'modelKey' | 'free' | 'hostFree' | 'warm' | 'score'>

/** FNV-1a, 32 bits. Only spreads; nothing depends on it being hard to guess. */
function hash(s: string): number {
  let h = 0x811c9dc5
  for (let i = 0; i < s.length; i++) h = Math.imul(h ^ s.charCodeAt(i), 0x01000193)
  return h >>> 0
}
