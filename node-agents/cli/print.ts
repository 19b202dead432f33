import type { FieldError, ProblemBody, ProblemCode } from '../../schema/index.ts'

/** What a person reads. Everything here is pure: text in, text out. */

// Escape sequences in a name or message from elsewhere must not drive the terminal.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g
const clean = (text: string) => text.replace(CONTROL, '?')

/** Columns wide enough for their content, two spaces apart; no trailing spaces. */
export function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows].map((row) => row.map(oneLine))
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all.map((row) => tableRow(row, widths)).join('\n')
}

const oneLine = (text: string) => clean(text).replace(/\s+/g, ' ')

/** One row of a table whose widths are known before its content is. */
export function tableRow(cells: string[], widths: number[]): string {
  return cells
    .map((cell, i) => oneLine(cell).padEnd(widths[i] ?? 0))
    .join('  ')
    .trimEnd()
}

/** "name: value" lines, values aligned; a null value leaves its line out. */
export function details(fields: [name: string, value: string | null][]): string {
  const shown = fields.filter((f): f is [string, string] => f[1] !== null)
  const width = Math.max(...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 1)} ${clean(value)}`).join('\n')
}

/** "3 min ago", "in 2 h": coarse on purpose. */
export function when(iso: string | null, nowMs: number): string {
  if (iso === null) return 'never'
  const deltaMs = Date.parse(iso) - nowMs
  const size = span(Math.abs(deltaMs) / 1000)
  return deltaMs < 0 ? `${size} ago` : `in ${size}`
}

/** Seconds as people say them. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86400)} days`
}

export function plural(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

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
