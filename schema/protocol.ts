/** Wire protocol of sync. The edge serves N and N-1; a change that an old peer would misread raises it. */
export const PROTOCOL = 1
export const PROTOCOL_OLDEST = 1

/** Version integer announced on chain and in W&B; today's filters there accept 183 and above. */
export const VERSION_INT = 183

/** Longest request bodies, in bytes. */
export const BODY_LIMIT = { client: 64 * 1024, agent: 256 * 1024 } as const

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
