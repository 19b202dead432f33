/** Wire protocol of sync. The edge serves N and N-1; a change that an old peer would misread raises it. */
export const PROTOCOL = 2
export const PROTOCOL_OLDEST = 1

/** Agents from this protocol on pause, restart and rekey; an older one is never asked to. */
export const PROTOCOL_OF_ACTS = 2

/** Version integer announced on chain (axon, prometheus, weights) and in W&B; today's filters there accept 183 and above. */
export const VERSION_INT = 183

/** Longest request bodies, in bytes. */
export const BODY_LIMIT = { client: 64 * 1024, agent: 256 * 1024, snapshot: 2 * 1024 * 1024, publication: 2 * 1024 * 1024 } as const

/** Deadlines of a placement, in milliseconds (DESIGN §4): they are about progress, not about patience. */
export const DEADLINE_MS = {
  acknowledge: 15_000,
  progress: 60_000,
  pull: 20 * 60_000,
  readyBy: 300_000,
} as const

/** `Prefer: wait=N`, in seconds. */
export const WAIT_S = { default: 30, max: 90 } as const

/** A miner is a candidate only while its last full report is younger than this. */
export const FRESH_MS = 20 * 60_000

/**
 * Silence of a miner, in milliseconds (DESIGN §6): neither a ping on its socket nor a signed request.
 * `graceMs`: nobody is called unreachable so soon after a deploy, which drops every socket. `watchMs`: how often a shard looks.
 */
export const LIVENESS = { pingMs: 30_000, suspectMs: 90_000, unreachableMs: 180_000, graceMs: 180_000, watchMs: 30_000 } as const

/** Unreachable minutes, observed by sweep and shard alike, that end a rental; a gap in the watching this long (ms) begins the count anew. */
export const DEAD_END = { minutes: 60, gapMs: 3 * 60_000 } as const

/** Nothing is ended while more than this share, and more than so many, of all miners went unreachable within the window. */
export const BRAKE = { share: 0.2, moreThan: 3, windowMs: 10 * 60_000 } as const

/** A tenant is warned so long before a lease runs out; a warning as long as the lease itself is left out. */
export const WARN_BEFORE_MS = [24 * 3600_000, 3600_000] as const

/** An allocated GPU that so many reports in a row do not show makes its rental degraded. */
export const MISSING_REPORTS = 3

/** Silence after which another install may take a hotkey that holds no live allocation. */
export const INSTALL_SILENCE_MS = 10 * 60_000

export const IDEMPOTENCY_MS = 24 * 3600_000

/** What a key may use unless its row says otherwise. */
export const QUOTA_DEFAULTS = {
  maxGpus: 8,
  maxAllocations: 4,
  leaseHours: 24,
  maxLeaseHours: 30 * 24,
  requestsPerMinute: 60,
  allocationsPerMinute: 10,
} as const
