import { oneLine } from '../../text.ts'

const MOST = 160

/** What a host says, for people: one short line that cannot drive a terminal. */
export function words(text: string): string {
  const line = oneLine(text.slice(0, 4 * MOST)).trim()
  return line.length > MOST ? `${line.slice(0, MOST - 1)}…` : line
}
