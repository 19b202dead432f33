import type { Scope } from '../schema/keys.ts'
import type { apiKeys } from '../schema/tables/index.ts'

type KeyRow = typeof apiKeys.$inferSelect

/** Who called with a bearer key. */
export type Caller = {
  keyId: string
  tenant: string
  scopes: readonly Scope[]
  quota: Pick<KeyRow, 'maxGpus' | 'maxAllocations' | 'maxLeaseHours' | 'requestsPerMinute' | 'allocationsPerMinute'>
}
