import * as z from 'zod'
import { allocationId, traceId } from './ids.ts'

/**
 * Something a client is told, one word each. `…_asked` is the wish, the others are the fact; `phase` is every fact that has no
 * word of its own.
 */
export const EVENT_KINDS = [
  'allocated',
  'phase',
  'ready',
  'failed_over',
  'failed',
  'pause_asked',
  'paused',
  'resume_asked',
  'resumed',
  'restart_asked',
  'restarted',
  'rekey_asked',
  'rekeyed',
  'extended',
  'expiring',
  'unreachable',
  'reachable',
  'degraded',
  'recovered',
  'stop_asked',
  'ended',
] as const
export type EventKind = (typeof EVENT_KINDS)[number]

export const eventView = z
  .object({
    id: z.number().int().meta({ description: 'Grows; a stream is resumed after it' }),
    at: z.iso.datetime(),
    kind: z.enum(EVENT_KINDS),
    allocation_id: allocationId,
    data: z.record(z.string(), z.unknown()),
    trace_id: traceId.meta({ description: 'Of the request that asked for it, over to what its miner then reports; else of the allocation' }),
  })
  .meta({ id: 'Event' })
export type EventView = z.infer<typeof eventView>
