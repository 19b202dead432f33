import * as z from 'zod'
import { keyId } from './ids.ts'
import { QUOTA_DEFAULTS } from './protocol.ts'

/** `metrics` reads GET /metrics and nothing else. */
export const SCOPES = ['client', 'admin', 'metrics'] as const
export type Scope = (typeof SCOPES)[number]

export const tenantName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dot, dash and underscore')

export const quota = z.object({
  max_gpus: z.number().int().min(0).max(100_000).default(QUOTA_DEFAULTS.maxGpus),
  max_allocations: z.number().int().min(0).max(100_000).default(QUOTA_DEFAULTS.maxAllocations),
  max_lease_hours: z.number().int().min(1).max(QUOTA_DEFAULTS.maxLeaseHours).default(QUOTA_DEFAULTS.maxLeaseHours),
  requests_per_minute: z.number().int().min(1).max(1_000_000).default(QUOTA_DEFAULTS.requestsPerMinute),
  allocations_per_minute: z.number().int().min(1).max(1_000_000).default(QUOTA_DEFAULTS.allocationsPerMinute),
})

export const createKey = z
  .strictObject({
    tenant: tenantName,
    name: z.string().min(1).max(64).default('key'),
    scopes: z.array(z.enum(SCOPES)).min(1).default(['client']),
    quota: quota.prefault({}),
  })
  .meta({ id: 'CreateKey' })
export type CreateKey = z.output<typeof createKey>

export const keyView = z
  .object({
    id: keyId,
    tenant: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(SCOPES)),
    quota,
    created_at: z.iso.datetime(),
    revoked_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Key' })
