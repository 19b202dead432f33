import { CompactSign } from 'jose'
import { verifyBytes } from '../../schema/btauth.ts'
import { Problem } from '../../schema/problem.ts'
import { PROTOCOL } from '../../schema/protocol.ts'
import { fingerprint, hostKeyStatement } from '../../schema/ssh.ts'
import { JWS_TYPE, type Report, type Wish, type WishEntry } from '../../schema/sync.ts'
import { sql } from 'drizzle-orm'
import type { Ctx } from '../ctx.ts'
import { write } from '../store/db.ts'
import { hardware } from '../store/hardware.ts'
import { takeFacts, tellPhases } from '../store/facts.ts'
import { failedHere, layTombstones, stopLost, takeReport, type Taken } from '../store/reports.ts'
import { standingOf, wishEntry, wishOf, type Standing } from '../store/wishes.ts'
import { advance } from './advance.ts'
import { acceptable, newEnough, spokenFor } from './register.ts'
import { noticeRollback } from './restoreEpoch.ts'

export type Sync = { hotkey: string; report: Report }

/**
 * Takes the fact, gives the wish. One batch: the report counts only if its seq is new for its install, and then wholly.
 * Throws `agent_too_old`, `not_registered`, `agent_conflict`, `out_of_order`, `refused_facts`, `invalid_request`.
 */
export async function sync(ctx: Ctx, { hotkey, report }: Sync): Promise<{ wish: string }> {
  await newEnough(ctx, hotkey, report)
  if (report.facts) acceptable(ctx, report.facts)
  checkEndpoints(hotkey, report)
  const outcome = await take(ctx, { hotkey, report, token: crypto.randomUUID(), nowMs: ctx.now() })
  await noticeRollback(ctx, { hotkey, report, standing: outcome.standing })
  for (const [holder, moved] of outcome.changed) ctx.defer('changed', ctx.feed(holder).changed(moved.map((m) => m.id)))
  const failed = outcome.failed
  for (const allocation of failed) await advance(ctx, { allocation })
  const now = failed.length > 0 ? await reread(ctx, hotkey) : outcome
  return { wish: await signWish(ctx, hotkey, report.install, now.standing, now.entries) }
}

type Moved = { id: string; holder: string }
type State = { standing: Standing; entries: WishEntry[] }

async function take(ctx: Ctx, t: Taken): Promise<State & { changed: Map<string, Moved[]>; failed: string[] }> {
  const guard = sql`EXISTS (SELECT 1 FROM miners g WHERE g.hotkey = ${t.hotkey} AND g.sync_token = ${t.token})`
  const host = t.report.facts ? hardware({ hotkey: t.hotkey, facts: t.report.facts, nowMs: t.nowMs, guard }) : []
  const results = await write(ctx.db, [
    takeReport(t),
    tellPhases(t),
    takeFacts(t),
    stopLost(t),
    layTombstones(t),
    ...host,
    failedHere(t),
    standingOf(t.hotkey),
    wishOf(t.hotkey),
  ])
  const standing = results.at(-2)?.[0] as Standing | undefined
  if (results[0]?.length === 0) throw refusal(standing, t.report)
  if (!standing) throw new Problem('not_registered')
  const moved = (results[2] ?? []) as Moved[]
  return {
    standing,
    entries: (results.at(-1) ?? []).map(wishEntry),
    changed: Map.groupBy(moved, (m) => m.holder),
    failed: (results.at(-3) ?? []).map((row) => String(row['id'])),
  }
}

async function reread(ctx: Ctx, hotkey: string): Promise<State> {
  const [standing, entries] = await write(ctx.db, [standingOf(hotkey), wishOf(hotkey)])
  return { standing: standing?.[0] as Standing, entries: (entries ?? []).map(wishEntry) }
}

function refusal(standing: Standing | undefined, report: Report): Problem {
  if (!standing || standing.standing === 'removed') return new Problem('not_admitted')
  if (standing.install === null) return new Problem('not_registered', 'call POST /agent/register')
  if (standing.install !== report.install) return spokenFor(standing.install)
  return new Problem('out_of_order', `seq ${report.seq} is not above ${standing.seq}`)
}

/** A host key counts only with the miner's own signature: it is what the client will pin. */
function checkEndpoints(hotkey: string, report: Report): void {
  for (const [i, { id, incarnation, endpoint }] of report.allocations.entries()) {
    if (!endpoint) continue
    const statement = hostKeyStatement({ allocation: id, incarnation, host: endpoint.host, port: endpoint.port, fingerprint: fingerprint(endpoint.host_key) })
    if (verifyBytes(hotkey, statement, endpoint.signature)) continue
    const field = `allocations.${i}.endpoint.signature`
    throw new Problem('invalid_request', `${field} is not by ${hotkey} over this endpoint`, {
      errors: [{ field, message: 'sign hostKeyStatement with the hotkey' }],
    })
  }
}

async function signWish(ctx: Ctx, hotkey: string, install: string, s: Standing, allocations: WishEntry[]): Promise<string> {
  const wish: Wish = {
    iss: ctx.config.EDGE_ADDRESS,
    aud: hotkey,
    install,
    protocol: PROTOCOL,
    epoch: s.epoch,
    version: s.version ?? 0,
    issued_at_ms: ctx.now(),
    allocations,
  }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(wish)))
    .setProtectedHeader({ alg: 'EdDSA', typ: JWS_TYPE.wish, kid: ctx.config.SIGNING_KEY.kid })
    .sign(ctx.config.signer)
}
