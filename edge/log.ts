/** One JSON line an event. Callers pass ids, codes and counts, never keys, bodies or headers. */
export type Fields = Record<string, string | number | boolean | null | undefined>

export type Log = { info(event: string, fields?: Fields): void; error(event: string, fields?: Fields): void }

export function logger(base: Fields): Log {
  const line = (level: string, event: string, fields: Fields = {}) => JSON.stringify({ at: new Date().toISOString(), level, event, ...base, ...fields })
  return {
    info: (event, fields) => console.log(line('info', event, fields)),
    error: (event, fields) => console.error(line('error', event, fields)),
  }
}
