import { DEAD_END, LIVENESS } from '../../schema/protocol.ts'
import type { Ctx } from '../ctx.ts'
import type { Pulse } from '../hub.ts'
import type { Seen } from '../store/liveness.ts'

/** A shard that does not answer must not hold up the others. */
const ANSWER_MS = 5_000
/** A shard looks twice a minute; one look may be late. */
const WATCHED_MS = 3 * LIVENESS.watchMs

/** Asks every shard how it is, telling each what the database says of these miners; null: it did not answer. */
export async function pulses(ctx: Ctx, miners: Seen[] = []): Promise<Map<string, Pulse | null>> {
  const byShard = Map.groupBy(miners, (m) => ctx.shardOf(m.hotkey))
  const asked = ctx.shards().map(async ({ name, hub }) => {
    const pulse = await inTime(hub.pulse(byShard.get(name) ?? [])).catch((e: unknown) => {
      ctx.log.error('shard_silent', { shard: name, error: String(e) })
      return null
    })
    return [name, pulse] as const
  })
  return new Map(await Promise.all(asked))
}

/** Whether silence of a miner in this shard is the miner's own: the shard looked just now. */
export function watching(pulse: Pulse | null | undefined, nowMs: number): boolean {
  return pulse != null && nowMs - pulse.looked_at < WATCHED_MS
}

/** Whether the shard was away so long that what it counted before says nothing. */
export function lostSight(pulse: Pulse | null | undefined, nowMs: number): boolean {
  return pulse == null || nowMs - pulse.looked_at >= DEAD_END.gapMs
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error(`no answer in ${ANSWER_MS} ms`)), ANSWER_MS)))
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}
