/** What a person reads at a terminal. Everything here is pure: text in, text out. */

// Escape sequences in a name or message from elsewhere must not drive the terminal, nor change the direction of what stands around them.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** The same text without what could drive a terminal; line ends and tabs stay. */
export const clean = (text: string) => text.replace(CONTROL, '?')

/** Columns wide enough for their content, two spaces apart; no trailing spaces. */
export function table(head: string[], rows: string[][]): string {
  const all = [head, ...rows].map((row) => row.map(oneLine))
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all.map((row) => tableRow(row, widths)).join('\n')
}

/** The same text as one line that cannot drive a terminal. */
export const oneLine = (text: string) => clean(text).replace(/\s+/g, ' ')

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
