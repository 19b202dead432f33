import { sql, type SQL } from 'drizzle-orm'
import type { Spec } from '../../schema/tables/allocations.ts'
import type { Pick } from '../verbs/pick.ts'
import { type Asker, mayTake, matches } from './candidates.ts'

/**
 * The first of these picks that still holds, checked under the write lock: the host may take claims, enough matching GPUs are free,
 * for `all` every one of them, nobody has the host or its disk to himself, and the quota allows so many. Columns: hotkey, take, limits.
 * @param quota GPUs that may be taken at most, an SQL expression
 */
export function firstThatHolds(picks: Pick[], spec: Spec, asker: Asker, quota: SQL): SQL {
  const whole = spec.gpu.count === 'all'
  return sql`
    SELECT m.hotkey AS hotkey, k.value ->> 'take' AS take, k.value -> 'limits' AS limits
    FROM json_each(${JSON.stringify(picks)}) k
    JOIN miners m ON m.hotkey = k.value ->> 'hotkey'
    JOIN agents a ON a.hotkey = m.hotkey
    WHERE ${mayTake(asker)} AND k.value ->> 'take' <= ${quota}
      AND (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND ${ofModel} AND ${matches(spec.gpu)}) >= k.value ->> 'take'
      AND NOT EXISTS (SELECT 1 FROM claims l JOIN allocations x ON x.id = l.allocation_id WHERE l.hotkey = m.hotkey AND l.freed_at IS NULL AND x.exclusive = 1)
      ${whole ? sql`AND NOT EXISTS (SELECT 1 FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL AND g.claimed_by IS NOT NULL)` : sql``}
    ORDER BY k.key LIMIT 1`
}

const ofModel = sql`(k.value ->> 'modelKey' IS NULL OR g.model_key = k.value ->> 'modelKey')`

/** Takes the GPUs for an allocation that was just given a host and has none yet. Safe to repeat. */
export function takeGpus(id: string, incarnation: number, picks: Pick[], spec: Spec, nowMs: number): SQL {
  return sql`
    INSERT INTO claims (allocation_id, incarnation, hotkey, uuid, claimed_at)
    SELECT a.id, a.incarnation, g.hotkey, g.uuid, ${nowMs}
    FROM allocations a
    JOIN json_each(${JSON.stringify(picks)}) k ON k.value ->> 'hotkey' = a.hotkey
    JOIN gpus g ON g.hotkey = a.hotkey AND ${ofModel}
    WHERE a.id = ${id} AND a.incarnation = ${incarnation} AND a.gpu_got = 0 AND ${matches(spec.gpu)}
    ORDER BY g.idx LIMIT coalesce((SELECT gpu_want FROM allocations WHERE id = ${id}), 0)`
}

/** Counts what was taken into the row; a CHECK refuses anything but all or nothing, and with it the whole batch. */
export function countGpus(id: string, incarnation: number): SQL {
  return sql`
    UPDATE allocations SET gpu_got = (SELECT count(*) FROM claims c WHERE c.allocation_id = ${id} AND c.incarnation = ${incarnation})
    WHERE id = ${id} AND incarnation = ${incarnation} AND gpu_got = 0`
}

/** What a key holds besides this allocation: what is asked to stop no longer counts. */
export function heldBy(keyId: string, but: string): SQL {
  return sql`FROM allocations q WHERE q.key_id = ${keyId} AND q.desired <> 'stop' AND q.id <> ${but}`
}

/** GPUs a key may still take for this allocation. */
export function gpusLeft(keyId: string, maxGpus: number, allocation: string): SQL {
  return sql`(${maxGpus} - (SELECT coalesce(sum(q.gpu_want), 0) ${heldBy(keyId, allocation)}))`
}
