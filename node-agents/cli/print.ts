import type { FieldError, ProblemBody, ProblemCode } from '../../schema/index.ts'
import { clean } from '../core/text.ts'

export { details, plural, span, table, tableRow, when } from '../core/text.ts'

/** What a person reads. Everything here is pure: text in, text out. */

/** Which option of the CLI stands behind a field of the API. */
const OPTIONS: Record<string, string> = {
  'gpu.count': '--gpus',
  'gpu.model': '--model',
  'gpu.min_vram_gb': '--min-vram',
  min_vram_gb: '--min-vram',
  model: '--model',
  free: '--free',
  image: '--image',
  hotkey: '--hotkey',
  ssh_keys: '--key',
  env: '--env',
  init: '--init',
  lease_hours: '--hours',
  after: '--after',
  'Last-Event-ID': '--after',
  name: '--name',
  tenant: '--tenant',
  scopes: '--scope',
  'idempotency-key': '--idempotency-key',
}

/** What a user can do about a problem, beyond what its detail says. */
const FIXES: Partial<Record<ProblemCode, string>> = {
  unauthorized: 'Check COMPUTE_API_KEY, or run compute login --url URL --key KEY with a valid key.',
  forbidden: 'If a scope is missing, an admin makes a key that has it: compute admin keys create --tenant NAME --scope SCOPE.',
  quota_exceeded: 'Release something (compute ls, compute down ID), ask for less, or ask an admin for a larger quota.',
  no_capacity: 'See what is free with: compute gpus. Then ask for less or for another model, or try again later.',
  image_not_offered: 'Name another image with --image; compute gpus shows what miners offer.',
  idempotency_mismatch: 'Leave --idempotency-key out, or give a new one.',
  conflict: 'compute show ID says how it is now.',
  unsupported_by_miner: 'Its operator must upgrade the agent; compute miners shows versions. A new rental can go to another miner: compute up --hotkey SS58.',
  not_found: 'compute ls shows what is yours.',
  rate_limited: 'Try again later.',
  database_unavailable: 'Try again in a minute; compute retried already.',
  internal: 'This is a defect of the edge: tell its operator the trace id.',
}

function optionOf(field: string): string | undefined {
  const [first = ''] = field.split('.')
  return OPTIONS[field] ?? OPTIONS[first]
}

function fieldLine({ field, message }: FieldError): string {
  const option = optionOf(field)
  return `  ${field}${option ? ` (${option})` : ''}: ${message}`
}

/** What went wrong, which field, what to do, and the id under which the edge's log knows it. */
export function problemText(p: ProblemBody): string {
  const errors = p.errors ?? []
  // The detail of a problem with fields only says the same again.
  const detail = p.detail && !errors.some((e) => p.detail === `${e.field}: ${e.message}`) ? `: ${p.detail}` : ''
  const fix = FIXES[p.code]
  return clean([`error: ${p.title}${detail}`, ...errors.map(fieldLine), fix && `  ${fix}`, p.trace_id && `  trace ${p.trace_id}`].filter(Boolean).join('\n'))
}
