import { Mistake } from '../../core/mistake.ts'

const MS: Record<string, number> = { m: 60_000, h: 3600_000, d: 24 * 3600_000 }
const MOST_MS = 366 * 24 * 3600_000

/** How long a penalty holds, such as 90m, 24h, 7d or forever. @returns milliseconds; null: forever @throws Mistake for any other text */
export function duration(text: string): number | null {
  if (text === 'forever') return null
  const [, digits = '', unit = ''] = /^([1-9][0-9]{0,5})([mhd])$/.exec(text) ?? []
  const ms = Number(digits) * (MS[unit] ?? 0)
  if (ms > 0 && ms <= MOST_MS) return ms
  throw new Mistake(`--for cannot be ${JSON.stringify(text)}: minutes, hours or days up to a year, such as 90m, 24h or 7d, or forever`)
}
