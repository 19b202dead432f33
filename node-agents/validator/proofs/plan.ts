import type { StateMiner } from '../../../schema/index.ts'

/** Blocks are twelve seconds apart. */
const BLOCK_MS = 12_000

/** How often, and how far apart, a miner is tried again within a round whom nothing could be proved of. */
export type Patience = {
  /** Tries after the first. */
  retries: number
  intervalMs: number
}

/** One try, as far as the next one goes by it. `putOff`: it was not the time, which the edge may have said when it is. */
export type LastTry = { tries: number; outcome: 'failed' | 'put_off' | 'done'; retryAfterS: number | null }

/** A round tries again in the first half of the time to the next one, so that the next one is never late for it. @param every blocks */
export const horizonMs = (every: number) => (every * BLOCK_MS) / 2

/**
 * In how many milliseconds a miner is tried again; null: not in this round. Pure.
 * @param elapsedMs of the round so far @param horizon milliseconds after which the round tries nobody again
 */
export function againInMs({ tries, outcome, retryAfterS }: LastTry, at: { elapsedMs: number; horizon: number }, patience: Patience): number | null {
  if (outcome === 'done' || tries > patience.retries) return null
  const waitMs = Math.max(patience.intervalMs, (retryAfterS ?? 0) * 1000)
  return at.elapsedMs + waitMs > at.horizon ? null : waitMs
}

type Wave<T> = T[]

/**
 * Who is proved at the same moment: those of one class together, `most` at a time, so that one machine cannot serve two of them one after the
 * other. Pure. Those who claim the same card stay in one wave, of whatever class they are, as far as they fit.
 * @param targets in the order in which they are taken @param together hotkeys that belong into one wave
 */
export function wavesOf<T extends { hotkey: string }>(
  targets: readonly T[],
  { classOf, together, most }: { classOf: (target: T) => string; together: readonly (readonly string[])[]; most: number },
): Wave<T>[] {
  const groupOf = new Map(together.flatMap((hotkeys, i) => hotkeys.map((hotkey) => [hotkey, `group ${i}`] as const)))
  const units = [...Map.groupBy(targets, (t) => groupOf.get(t.hotkey) ?? t.hotkey).values()]
  const classes = Map.groupBy(units, ([first]) => (first ? classOf(first) : ''))
  return [...classes.values()].flatMap((of) => packed(of, most))
}

/** Fills waves in order; a unit begins a new one when it does not fit, and is cut only when it is larger than any. */
function packed<T>(units: T[][], most: number): Wave<T>[] {
  const waves: Wave<T>[] = []
  for (const unit of units)
    for (let from = 0; from < unit.length; from += most) {
      const part = unit.slice(from, from + most)
      const last = waves.at(-1)
      if (last && last.length + part.length <= most) last.push(...part)
      else waves.push(part)
    }
  return waves
}

/** The cards that a proof would be of now: a client has the others. */
export const freeCards = (miner: StateMiner | null): StateMiner['gpus'] => miner?.gpus.filter((g) => !g.rented) ?? []

/** Hotkeys in another order each time, so that nobody knows beforehand who is in a wave with whom. @param random from 0 to 1, exclusive */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const [a, b] = [out[i], out[j]]
    if (a !== undefined && b !== undefined) [out[i], out[j]] = [b, a]
  }
  return out
}
