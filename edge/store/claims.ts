import { sql, type SQL } from 'drizzle-orm'
import type { Spec } from '../../schema/tables/allocations.ts'
import type { Pick } from '../verbs/pick.ts'
import type { AllocationRow } from './allocations.ts'
import { type Asker, mayTake, matches, untaken } from './candidates.ts'

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
      AND (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND ${ofModel} AND ${matches(spec.gpu, asker)}) >= k.value ->> 'take'
      AND NOT ${hasAlone}
      ${whole ? sql`AND NOT EXISTS (SELECT 1 FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL AND NOT ${untaken(asker, sql`g.claimed_by`)})` : sql``}
    ORDER BY k.key LIMIT 1`
}

/** Whether somebody rents host `m` as a whole, to himself. */
export const hasAlone = sql`EXISTS (SELECT 1 FROM claims l JOIN allocations x ON x.id = l.allocation_id WHERE l.hotkey = m.hotkey AND l.freed_at IS NULL AND x.exclusive = 1)`

const ofModel = sql`(k.value ->> 'modelKey' IS NULL OR g.model_key = k.value ->> 'modelKey')`

/** Takes the GPUs for an allocation that was just given a host and has none yet. Safe to repeat. */
export function takeGpus(id: string, incarnation: number, picks: Pick[], spec: Spec, asker: Omit<Asker, 'holder' | 'simulated'>): SQL {
  return sql`
    INSERT INTO claims (allocation_id, incarnation, hotkey, uuid, claimed_at)
    SELECT a.id, a.incarnation, g.hotkey, g.uuid, ${asker.nowMs}
    FROM allocations a
    JOIN json_each(${JSON.stringify(picks)}) k ON k.value ->> 'hotkey' = a.hotkey
    JOIN gpus g ON g.hotkey = a.hotkey AND ${ofModel}
    WHERE a.id = ${id} AND a.incarnation = ${incarnation} AND a.gpu_got = 0 AND ${matches(spec.gpu, asker)}
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

/** Who asks, and what the wish says at first. */
type Identity = 'id' | 'purpose' | 'holder' | 'keyId' | 'name' | 'idempotencyKey' | 'bodyHash' | 'traceId' | 'createdAt'
type FirstWish = 'sshKeys' | 'expiresAt' | 'warnAt' | 'spec' | 'exclusive' | 'readyBy' | 'deadlineAt'
export type NewRow = { [K in Identity | FirstWish]: AllocationRow[K] }

/** The row of a new allocation. Generation and incarnation begin at 1; host, limits and number of GPUs come from the pick `c` that held. */
export function insertOf(r: NewRow): SQL {
  return sql`
    INSERT INTO allocations (id, purpose, holder, key_id, name, idempotency_key, body_hash, trace_id, created_at, desired, generation, incarnation,
      ssh_keys, expires_at, warn_at, spec, limits, hotkey, exclusive, gpu_want, gpu_got, tried, ready_by, deadline_at)
    SELECT ${r.id}, ${r.purpose}, ${r.holder}, ${r.keyId}, ${r.name}, ${r.idempotencyKey}, ${r.bodyHash}, ${r.traceId}, ${r.createdAt}, 'run', 1, 1,
      ${JSON.stringify(r.sshKeys)}, ${r.expiresAt}, ${r.warnAt}, ${JSON.stringify(r.spec)}, c.limits, c.hotkey, ${Number(r.exclusive)}, c.take, 0, '[]', ${r.readyBy}, ${r.deadlineAt}`
}
