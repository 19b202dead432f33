import { DriverError } from '../../core/ports.ts'

type Code = DriverError['code']

/** Longest text a report carries (schema `failure`). */
const MESSAGE_MAX = 1000

/** The engine does not answer: no socket, nobody behind it, or it died in the middle. */
const AWAY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EACCES'])

/** What the engine's own words mean. Status alone is not enough: it answers 500 to almost everything. First match counts. */
const RULES: { code: Code; status?: number; text: RegExp }[] = [
  { code: 'disk_full', text: /no space left on device|disk quota exceeded/i },
  { code: 'no_port', status: 500, text: /address already in use|port is already allocated|ports are allocated/i },
  { code: 'image_missing', status: 404, text: /no such image/i },
  { code: 'container_missing', status: 404, text: /no such container/i },
  { code: 'gpu_unavailable', text: /could not select device driver|nvidia-container-|unknown runtime specified nvidia|\/dev\/nvidia/i },
  { code: 'limits_refused', status: 400, text: /range of cpus|memory limit|memoryswap|pids limit|shm size/i },
  { code: 'image_refused', status: 400, text: /invalid reference format/i },
  { code: 'exited', status: 409, text: /is not running/i },
]

/** Cuts a text to what a report carries. */
export const clip = (text: string) => text.slice(0, MESSAGE_MAX)

const property = (value: unknown, key: string): unknown => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined)

/** HTTP status of the engine's answer, or null when there was none. */
export function statusOf(error: unknown): number | null {
  const status = property(error, 'statusCode')
  return typeof status === 'number' ? status : null
}

/** The engine's own words; what the SDK puts around them is often wrong. */
export function textOf(error: unknown): string {
  const own = property(property(error, 'json'), 'message')
  const text = typeof own === 'string' ? own : error instanceof Error ? error.message : String(error)
  return clip(text.trim())
}

/** Its network is not there, as after a `docker network prune`. */
export const lacksNetwork = (error: unknown): boolean => /network \S+ not found/.test(textOf(error))

/** Whatever went wrong with the engine, in our words. */
export function driverError(error: unknown): DriverError {
  if (error instanceof DriverError) return error
  const text = textOf(error)
  const status = statusOf(error)
  if (status === null && AWAY.has(String(property(error, 'code')))) return new DriverError('away', clip(`the engine does not answer: ${text}`), error)
  const rule = RULES.find((r) => (r.status === undefined || r.status === status) && r.text.test(text))
  return new DriverError(rule?.code ?? 'engine_error', text, error)
}

/** The caller's signal ended it. */
export function givenUp(signal: AbortSignal, code: Code = 'engine_error'): DriverError {
  return new DriverError(code, clip(`given up: ${textOf(signal.reason)}`), signal.reason)
}
