import { sql, type SQL } from 'drizzle-orm'
import type { WishEntry } from '../../schema/sync.ts'
import type { Spec } from '../../schema/tables/allocations.ts'

/** Everything this miner should know: what should run, and what must be gone, until the fact says so. */
export function wishOf(hotkey: string): SQL {
  return sql`
    SELECT a.id AS id, a.incarnation AS incarnation, a.generation AS generation, a.trace_id AS trace, a.desired AS desired, a.restart_n AS restartN, a.keys_n AS keysN,
      a.ssh_keys AS sshKeys, a.expires_at AS expiresAt, a.spec AS spec, a.limits AS limits,
      (SELECT json_group_array(c.uuid) FROM claims c WHERE c.allocation_id = a.id AND c.incarnation = a.incarnation) AS gpus
    FROM allocations a WHERE a.hotkey = ${hotkey} AND a.ended_at IS NULL AND NOT (a.desired = 'stop' AND a.phase = 'gone' AND a.fact_incarnation = a.incarnation)
    UNION ALL
    SELECT t.allocation_id, t.incarnation, t.generation, t.trace_id, 'stop', 0, 0, NULL, NULL, NULL, NULL, NULL
    FROM tombstones t WHERE t.hotkey = ${hotkey} AND t.gone_at IS NULL
    ORDER BY 1, 2`
}

type Common = { id: string; incarnation: number; generation: number; trace: string }
type Row = Common &
  (
    | { desired: 'stop' }
    | { desired: 'run' | 'pause'; restartN: number; keysN: number; sshKeys: string; expiresAt: number; spec: string; limits: string; gpus: string }
  )

/** A row of `wishOf` as the wire has it. */
export function wishEntry(raw: Record<string, unknown>): WishEntry {
  const row = raw as Row
  const { id, incarnation, generation, trace } = row
  if (row.desired === 'stop') return { kind: 'tombstone', id, incarnation, generation, trace }
  const spec = JSON.parse(row.spec) as Spec
  return {
    kind: 'container',
    id,
    incarnation,
    generation,
    trace,
    desired: row.desired,
    restart_n: row.restartN,
    keys_n: row.keysN,
    ssh_keys: JSON.parse(row.sshKeys) as string[],
    expires_at_ms: row.expiresAt,
    gpus: JSON.parse(row.gpus) as string[],
    image: spec.image,
    env: spec.env,
    init: spec.init,
    limits: JSON.parse(row.limits) as Extract<WishEntry, { kind: 'container' }>['limits'],
  }
}

/** Where this miner stands: install, seq and wish version, and the epoch of the edge. */
export function standingOf(hotkey: string): SQL {
  return sql`
    SELECT a.role AS role, a.standing AS standing, m.install AS install, m.seq AS seq, m.wish_version AS version, m.report_at AS reportAt,
      (SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'epoch') AS epoch,
      (SELECT count(*) FROM claims c WHERE c.hotkey = a.hotkey AND c.freed_at IS NULL) AS live
    FROM agents a LEFT JOIN miners m ON m.hotkey = a.hotkey WHERE a.hotkey = ${hotkey}`
}

export type Standing = {
  role: 'miner' | 'validator'
  standing: 'active' | 'draining' | 'removed'
  install: string | null
  seq: number | null
  version: number | null
  reportAt: number | null
  epoch: number
  live: number
}
