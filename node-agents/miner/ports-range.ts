import * as z from 'zod'

export type PortRange = { first: number; last: number }

const FORMAT = 'FIRST-LAST between 1024 and 65535, such as 20000-29999'

/** Parses `--ports`. */
export const portRange = z.string().transform((text, ctx): PortRange => {
  const [, a, b] = /^([0-9]{4,5})-([0-9]{4,5})$/.exec(text.trim()) ?? []
  const range = { first: Number(a), last: Number(b) }
  if (range.first >= 1024 && range.last <= 65535 && range.first <= range.last) return range
  ctx.addIssue({ code: 'custom', message: FORMAT })
  return z.NEVER
})

/**
 * Ports to try for one container, at most `count`, none of them in `taken`. Pure.
 * @param start where in the range to begin: agents that share a range should not all begin at its first port
 */
export function candidatePorts({ first, last }: PortRange, taken: ReadonlySet<number>, count: number, start: number): number[] {
  const size = last - first + 1
  const ports: number[] = []
  for (let i = 0; i < size && ports.length < count; i++) {
    const port = first + ((start + i) % size)
    if (!taken.has(port)) ports.push(port)
  }
  return ports
}
