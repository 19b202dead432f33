import pino, { type DestinationStream, type Logger } from 'pino'

export type Log = Logger

const SECRET_NAME =
  /(secret|private|password|passphrase|mnemonic|phrase|seed|authorization|bearer|token|cookie)|^(env|environment|ssh_?keys|authorized_?keys|jws|wish_jws)$/i
const SECRET_TEXT =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\bBearer +\S+|\bck_[0-9a-z]{26}\S*|\b0x[0-9a-f]{64,}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]+/gi
const DEPTH = 6

function fromError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause, ...rest } = error
  const more = cause === undefined ? rest : { ...rest, cause }
  return { type: name, message: scrubText(message), stack: scrubText(stack ?? ''), ...scrubFields(more, depth) }
}

function scrubText(text: string): string {
  return text.replace(SECRET_TEXT, '[redacted]')
}

function scrubFields(value: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [name, SECRET_NAME.test(name) && v !== null ? '[redacted]' : scrub(v, depth + 1)]))
}

/** A copy of anything without what must never stand in a log line: by the name of a field, and by the look of a text. */
export function scrub(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? String(value) : value
  if (depth > DEPTH) return '[deep]'
  if (ArrayBuffer.isView(value)) return '[bytes]'
  if (value instanceof Error) return fromError(value, depth)
  if (Array.isArray(value)) return value.map((v) => scrub(v, depth + 1))
  return scrubFields(value, depth)
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** JSON lines, every one scrubbed. Goes to standard output unless told otherwise. */
export function makeLog(level: LogLevel, name: string, to: DestinationStream = pino.destination(1)): Log {
  const options = {
    level,
    base: { agent: name },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (e: unknown) => e },
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => scrubFields(fields, 0),
    },
    hooks: {
      logMethod(args: unknown[], method: (...args: unknown[]) => void) {
        method.apply(
          this,
          args.map((a) => (typeof a === 'string' ? scrubText(a) : a)),
        )
      },
    },
  }
  const log = pino(options as pino.LoggerOptions, to)
  const { child } = log
  // Pino formats a child's bindings before any formatter of ours could see them.
  function scrubbedChild(this: unknown, bindings: pino.Bindings, more?: pino.ChildLoggerOptions): Log {
    return Reflect.apply(child, this, [scrubFields(bindings, 0), more]) as Log
  }
  return Object.assign(log, { child: scrubbedChild })
}
