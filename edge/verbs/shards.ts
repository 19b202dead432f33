import * as z from 'zod'

/** What sweep keeps of each shard's pulse in the settings row `shards`; null: it did not answer. */
const row = z.record(z.string(), z.object({ looked_at: z.number(), watched: z.number(), sockets: z.number() }).nullable())
export type Shards = z.infer<typeof row>

/** A settings value as shards; none when sweep has not asked them yet. */
export function readShards(value: string | undefined): Shards {
  return value === undefined ? {} : row.parse(JSON.parse(value))
}

/**
 * Shards that did not answer the last sweep, or watch miners and had not looked at them for so long (ms).
 * One that never looked has begun just now. @param sweptAtMs when they were asked
 */
export function silentShards(shards: Shards, sweptAtMs: number, lateMs: number): string[] {
  const silent = (s: Shards[string]) => s === null || (s !== undefined && s.watched > 0 && s.looked_at > 0 && sweptAtMs - s.looked_at > lateMs)
  return Object.entries(shards).flatMap(([name, s]) => (silent(s) ? [name] : []))
}
