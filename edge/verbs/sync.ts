import { CompactSign } from 'jose'
import { verifyBytes } from '../../schema/btauth.ts'
import { Problem } from '../../schema/problem.ts'
import { PROTOCOL } from '../../schema/protocol.ts'
import { fingerprint, hostKeyStatement } from '../../schema/ssh.ts'
import { JWS_TYPE, type Report, type Wish, type WishEntry } from '../../schema/sync.ts'
import { type Ctx, reached } from '../ctx.ts'
import type { Ordered } from '../hub/heard.ts'
import { named, read } from '../store/db.ts'
import { markDegraded, tellDegraded } from '../store/degraded.ts'
import { beyond, hardware } from '../store/hardware.ts'
import { takeFacts, tellPhases } from '../store/facts.ts'
import { failedHere, type Kept, keptOf, layTombstones, stopLost, takeReport } from '../store/reports.ts'
import { layStrays, raiseForStrays, releaseHeld } from '../store/strays.ts'
import { taken, type Taken } from '../store/taken.ts'
import { standingOf, wishEntry, wishOf, type Standing } from '../store/wishes.ts'
import { advance } from './advance.ts'
import { digestOf } from './digest.ts'
import { isIdle } from './idle.ts'
import { acceptable, spokenFor } from './register.ts'
import { noticeRollback } from './restoreEpoch.ts'

export type Sync = { hotkey: string; report: Report }

/**
 * Takes the fact, gives the wish. One batch: the report counts only if its seq is new for its install, and then wholly.
 * One that says nothing new writes nothing; its wish is read all the same, which repairs a wake that was lost.
 * Throws `not_registered`, `agent_conflict`, `out_of_order`, `refused_facts`, `invalid_request`.
 */
export async function sync(ctx: Ctx, { hotkey, report }: Sync): Promise<{ wish: string }> {
  if (report.facts) acceptable(ctx, report.facts)
  checkEndpoints(hotkey, report)
  const t = { hotkey, report, digest: await digestOf(report), token: crypto.randomUUID(), nowMs: ctx.now() }
  const ordered = await order(ctx, t, false)
  if (ordered === 'late') throw new Problem('out_of_order', `a report after seq ${report.seq} was already heard`)
  const state = (ordered === 'same' ? await unchanged(ctx, t) : null) ?? (await taking(ctx, t, ordered === 'stranger'))
  await noticeRollback(ctx, { hotkey, report, standing: state.standing })
  return { wish: await signWish(ctx, t, state) }
}

type Moved = { id: string; holder: string }
type State = { standing: Standing; entries: WishEntry[] }

/** The shard keeps the order of all reports, as those that say nothing new leave no trace in the database. */
async function order(ctx: Ctx, { hotkey, report, digest }: Taken, adopt: boolean): Promise<Ordered> {
  return reached(ctx.hub(hotkey).order(hotkey, { install: report.install, seq: report.seq, ...digest, adopt }))
}

/** What to answer when the database knows all of it already; else null. */
async function unchanged(ctx: Ctx, { hotkey, report, digest }: Taken): Promise<State | null> {
  const [kept, standing, entries] = await read(ctx.db, [keptOf(hotkey), standingOf(hotkey), wishOf(hotkey)])
  const row = kept?.[0] as Kept | undefined
  if (!row || !isIdle(row, report, digest)) return null
  return { standing: standing?.[0] as Standing, entries: (entries ?? []).map(wishEntry) }
}

async function taking(ctx: Ctx, t: Taken, stranger: boolean): Promise<State> {
  const outcome = await take(ctx, t)
  if (stranger) await order(ctx, t, true)
  for (const [holder, moved] of outcome.changed) ctx.defer('changed', ctx.feed(holder).changed(moved.map((m) => m.id)))
  for (const allocation of outcome.failed) await advance(ctx, { allocation })
  return outcome.failed.length > 0 ? reread(ctx, t.hotkey) : outcome
}

async function take(ctx: Ctx, t: Taken): Promise<State & { changed: Map<string, Moved[]>; failed: string[] }> {
  const { facts, unexplained } = t.report
  const host = facts && { hotkey: t.hotkey, facts, nowMs: t.nowMs, guard: taken(t) }
  const said = await named(ctx.db, {
    report: takeReport(t),
    phases: tellPhases(t),
    facts: takeFacts(t),
    ends: [stopLost(t), layTombstones(t), ...(unexplained.length > 0 ? [layStrays(t), raiseForStrays(t)] : [])],
    host: host ? [...hardware(host), releaseHeld(t)] : [],
    degraded: host ? [tellDegraded(t), markDegraded(t)] : [],
    beyond: host ? [beyond(host)] : [],
    failed: failedHere(t),
    standing: standingOf(t.hotkey),
    wish: wishOf(t.hotkey),
  })
  const standing = said.standing[0] as Standing | undefined
  if (said.report.length === 0) throw refusal(standing, t.report)
  if (!standing) throw new Problem('not_registered')
  if (Number(said.beyond[0]?.['n'] ?? 0) > 0) throw new Problem('refused_facts', 'this hotkey has shown more GPUs than a host can have')
  return {
    standing,
    entries: said.wish.map(wishEntry),
    changed: Map.groupBy([...said.facts, ...said.degraded] as Moved[], (m) => m.holder),
    failed: said.failed.map((row) => String(row['id'])),
  }
}

async function reread(ctx: Ctx, hotkey: string): Promise<State> {
  const [standing, entries] = await read(ctx.db, [standingOf(hotkey), wishOf(hotkey)])
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

async function signWish(ctx: Ctx, { hotkey, report: { install, protocol } }: Taken, { standing, entries }: State): Promise<string> {
  const wish: Wish = {
    iss: ctx.config.EDGE_ADDRESS,
    aud: hotkey,
    install,
    protocol: Math.min(PROTOCOL, protocol),
    epoch: standing.epoch,
    version: standing.version ?? 0,
    issued_at_ms: ctx.now(),
    allocations: entries,
  }
  return new CompactSign(new TextEncoder().encode(JSON.stringify(wish)))
    .setProtectedHeader({ alg: 'EdDSA', typ: JWS_TYPE.wish, kid: ctx.config.SIGNING_KEY.kid })
    .sign(ctx.config.signer)
}
