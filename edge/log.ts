/** One JSON line an event. Callers pass ids, codes and counts, never keys, bodies or headers; what slips through is redacted. */
export type Fields = Record<string, string | number | boolean | null | undefined>

export type Log = { info(event: string, fields?: Fields): void; error(event: string, fields?: Fields): void }

const SECRET_NAME = /secret|private|password|passphrase|mnemonic|seed|authorization|bearer|token|cookie|^(env|init|ssh_?keys?|jws|signature)$/i
const SECRET_TEXT =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)|\bBearer +\S+|\bck_[0-9a-z]{26}_\S+|\bwhsec_\S+|\b0x[0-9a-f]{64,}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]+|"d":"[^"]*"/gi
/** Drizzle puts the values of a failed statement into its message; the statement is enough to find it. */
const PARAMETERS = /\n?params:[^]*?(?= <- |$)/g

/** A text without what must never stand in a log line. */
export function redact(text: string): string {
  return text.replace(PARAMETERS, ' [parameters]').replace(SECRET_TEXT, '[redacted]')
}

function clean(fields: Fields): Fields {
  const safe = (name: string, v: Fields[string]) => (SECRET_NAME.test(name) && v != null ? '[redacted]' : typeof v === 'string' ? redact(v) : v)
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, safe(name, value)]))
}

export function logger(base: Fields): Log {
  const line = (level: string, event: string, fields: Fields = {}) =>
    JSON.stringify({ at: new Date().toISOString(), level, event, ...clean({ ...base, ...fields }) })
  return {
    info: (event, fields) => console.log(line('info', event, fields)),
    error: (event, fields) => console.error(line('error', event, fields)),
  }
}
