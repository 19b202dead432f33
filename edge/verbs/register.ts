import { sql, type SQL } from 'drizzle-orm'
import type { HostFacts } from '../../schema/miner.ts'
import { Problem } from '../../schema/problem.ts'
import { INSTALL_SILENCE_MS, PROTOCOL, PROTOCOL_OLDEST } from '../../schema/protocol.ts'
import type { Registration } from '../../schema/sync.ts'
import { type Ctx, reached } from '../ctx.ts'
import { write } from '../store/db.ts'
import { hardware } from '../store/hardware.ts'
import { rolesFresh } from '../store/snapshots.ts'
import { standingOf, type Standing } from '../store/wishes.ts'

export type Register = { hotkey: string; registration: Registration }

/** Simulated GPUs and hosts that keep nobody apart are for development only. Throws `refused_facts`. */
export function acceptable(ctx: Ctx, facts: HostFacts): void {
  if (ctx.config.ENVIRONMENT === 'development') return
  if (facts.simulated) throw new Problem('refused_facts', 'this edge takes no simulated GPUs; drop --simulate-gpu')
  if (facts.driver === 'box') throw new Problem('refused_facts', 'this edge takes no hosts without container isolation; install Docker')
}

/**
 * An agent too old to talk to is noted, so that it takes no new claim and shows as `too_old`: it is not away, and what it runs lives on.
 * Throws `agent_too_old`.
 */
export async function newEnough(ctx: Ctx, hotkey: string, r: Pick<Registration, 'protocol' | 'version' | 'install'>): Promise<void> {
  if (r.protocol >= PROTOCOL_OLDEST) return
  await reached(ctx.hub(hotkey).alive(hotkey, r.install))
  await write(ctx.db, [
    sql`UPDATE miners SET protocol = ${r.protocol}, version = ${r.version} WHERE hotkey = ${hotkey} AND install = ${r.install} AND (protocol <> ${r.protocol} OR version <> ${r.version})`,
  ])
  throw new Problem('agent_too_old', `this edge speaks protocol ${PROTOCOL_OLDEST} to ${PROTOCOL}, the agent ${r.protocol}: upgrade it; what it runs lives on`)
}

/** What a second install is told, and how it becomes the first. */
export function spokenFor(install: string | null): Problem {
  return new Problem('agent_conflict', `install ${install} speaks for this hotkey; stop that agent, or if it is lost run: compute miner takeover`)
}

/**
 * Binds a hotkey to an install and takes the first facts. The same install may register again at any time;
 * another one only while no allocation lives there and the first was silent for ten minutes, or after `takeover`.
 * Throws `wrong_role`, `not_admitted`, `roles_stale`, `agent_conflict`, `refused_facts`, `invalid_request`.
 */
export async function register(ctx: Ctx, { hotkey, registration: r }: Register): Promise<{ protocol: number; epoch: number; server_time_ms: number }> {
  if (r.role !== 'miner') throw new Problem('wrong_role', 'only miners register so far')
  const { facts } = r
  if (!facts) throw new Problem('invalid_request', 'facts: a miner registers with its facts', { errors: [{ field: 'facts', message: 'required for a miner' }] })
  acceptable(ctx, facts)
  const now = ctx.now()
  const results = await write(ctx.db, [
    bind(hotkey, r, facts, now),
    ...hardware({ hotkey, facts, nowMs: now, guard: sql`EXISTS (SELECT 1 FROM miners g WHERE g.hotkey = ${hotkey} AND g.install = ${r.install})` }),
    standingOf(hotkey),
  ])
  const standing = results.at(-1)?.[0] as Standing | undefined
  if (!standing || standing.standing === 'removed') throw new Problem('not_admitted')
  if (standing.role !== 'miner') throw new Problem('wrong_role', `this hotkey is a ${standing.role}`)
  if (standing.install === null)
    throw new Problem('roles_stale', 'no new miner is taken until validators tell the edge again who is registered on the subnet; it is retried')
  if (standing.install !== r.install) throw spokenFor(standing.install)
  ctx.log.info('registered', { hotkey, install: r.install, version: r.version })
  return { protocol: Math.min(PROTOCOL, r.protocol), epoch: standing.epoch, server_time_ms: now }
}

function bind(hotkey: string, r: Registration, f: HostFacts, now: number): SQL {
  return sql`
    INSERT INTO miners (hotkey, install, protocol, version, driver, isolation, simulated, address, cpus, memory_mb, disk_free_mb, disk, network, gpu_error, registered_at, full_report_at)
    SELECT a.hotkey, ${r.install}, ${r.protocol}, ${r.version}, ${f.driver}, ${f.isolation}, ${Number(f.simulated)}, ${f.address}, ${f.cpus}, ${f.memory_mb}, ${f.disk_free_mb}, ${f.disk}, ${f.network},
      ${f.gpu.status === 'failed' ? f.gpu.message : null}, ${now}, ${now}
    FROM agents a WHERE a.hotkey = ${hotkey} AND a.role = 'miner' AND a.standing <> 'removed'
      AND (a.source = 'allow' OR EXISTS (SELECT 1 FROM miners k WHERE k.hotkey = a.hotkey) OR ${rolesFresh(now)})
    ON CONFLICT (hotkey) DO UPDATE SET install = excluded.install, seq = CASE WHEN install = excluded.install THEN seq ELSE 0 END, protocol = excluded.protocol,
      version = excluded.version, driver = excluded.driver, isolation = excluded.isolation, simulated = excluded.simulated, address = excluded.address, cpus = excluded.cpus,
      memory_mb = excluded.memory_mb, disk = excluded.disk, network = excluded.network, disk_free_mb = excluded.disk_free_mb, gpu_error = excluded.gpu_error, registered_at = excluded.registered_at,
      full_report_at = excluded.full_report_at,
      report_at = CASE WHEN install = excluded.install THEN report_at END, report_digest = NULL
    WHERE install = excluded.install OR (online = 'unreachable' AND max(coalesce(online_at, 0), coalesce(report_at, 0), registered_at) < ${now - INSTALL_SILENCE_MS}
      AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.hotkey = excluded.hotkey AND c.freed_at IS NULL))`
}
