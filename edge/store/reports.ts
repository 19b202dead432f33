import { sql, type SQL } from 'drizzle-orm'
import { MISSING_REPORTS } from '../../schema/protocol.ts'
import type { Online } from '../../schema/tables/agents.ts'
import { facts } from './facts.ts'
import { toStop } from './stop.ts'
import { taken, type Taken } from './taken.ts'

/** What is known of a miner's last report. `counting`: GPUs that it lacked, of tenants too few times yet to say so; without a tenant they are to go. */
export type Kept = { install: string; seq: number; digest: string | null; online: Online; fresh: 0 | 1; heldSince: number | null; counting: number }

export function keptOf(hotkey: string): SQL {
  return sql`
    SELECT m.install AS install, m.seq AS seq, m.report_digest AS digest, m.online AS online, m.fresh AS fresh, m.held_since AS heldSince,
      (SELECT count(*) FROM gpus g WHERE g.hotkey = m.hotkey AND g.gone_at IS NULL AND g.missing > 0 AND (g.claimed_by IS NULL OR g.missing < ${MISSING_REPORTS})) AS counting
    FROM miners m WHERE m.hotkey = ${hotkey}`
}

/** The row moves on only for its own install and a higher seq (or this very report again, after a lost answer). Who reports is back at once. */
export function takeReport({ hotkey, report, digest, token, nowMs }: Taken): SQL {
  const f = report.facts
  const told = sql`coalesce(report_digest, '')`
  const hardware = f
    ? sql`, full_report_at = ${nowMs}, fresh = 1, driver = ${f.driver}, isolation = ${f.isolation}, simulated = ${Number(f.simulated)}, address = ${f.address}, cpus = ${f.cpus},
        memory_mb = ${f.memory_mb}, disk = ${f.disk}, network = ${f.network}, disk_free_mb = ${f.disk_free_mb}, gpu_error = ${f.gpu.status === 'failed' ? f.gpu.message : null}`
    : sql``
  return sql`
    UPDATE miners SET boot = ${report.boot}, seq = ${report.seq}, sync_token = ${token}, protocol = ${report.protocol}, version = ${report.version},
      acked_version = ${report.wish?.version ?? 0}, engine_ok = ${Number(report.engine.ok)}, engine_error = ${report.engine.ok ? null : report.engine.message},
      unexplained = ${report.unexplained.length}, foreign_containers = ${report.foreign}, report_at = ${nowMs}, online = 'online',
      online_at = CASE WHEN online <> 'online' THEN ${nowMs} ELSE online_at END, silent_minutes = 0,
      report_digest = ${`${digest.body}.`} || ${digest.facts ?? sql`substr(${told}, instr(${told}, '.') + 1)`} ${hardware}
    WHERE hotkey = ${hotkey} AND install = ${report.install} AND (seq < ${report.seq} OR sync_token = ${token})
      AND EXISTS (SELECT 1 FROM agents a WHERE a.hotkey = ${hotkey} AND a.role = 'miner' AND a.standing <> 'removed')
    RETURNING hotkey`
}

/** A rental that was ready and is not there any more ends, so that its GPUs come back; an expired one ends as expired. */
export function stopLost(t: Taken): SQL {
  return sql`
    UPDATE allocations SET ${toStop(sql`CASE WHEN expires_at <= ${t.nowMs} THEN 'expired' ELSE 'lost' END`, t.nowMs)}
    WHERE hotkey = ${t.hotkey} AND ended_at IS NULL AND desired <> 'stop' AND fact_incarnation = incarnation AND ${taken(t)}
      AND (phase = 'gone' AND expires_at <= ${t.nowMs} OR phase IN ('failed', 'gone') AND ready_at IS NOT NULL)`
}

export function layTombstones(t: Taken): SQL {
  return sql`
    UPDATE tombstones SET gone_at = ${t.nowMs} WHERE gone_at IS NULL AND hotkey = ${t.hotkey} AND ${taken(t)}
      AND (allocation_id, incarnation) IN (SELECT f.id, f.incarnation FROM ${facts(t)} f WHERE f.phase = 'gone')`
}

/**
 * Placements here that failed and wait to be moved on. Read from the rows, not from what this report changed:
 * a report sent again after a lost answer changes nothing, and must still be heard.
 */
export function failedHere(t: Taken): SQL {
  return sql`
    SELECT id FROM allocations WHERE hotkey = ${t.hotkey} AND ended_at IS NULL AND desired = 'run' AND ready_at IS NULL
      AND fact_incarnation = incarnation AND phase IN ('failed', 'gone') AND ${taken(t)}`
}
