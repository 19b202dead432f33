import { PROOF_DUE_MS } from '../../schema/proof.ts'
import { SCORE_STALE_MS } from '../../schema/publication.ts'
import type { Ctx } from '../ctx.ts'
import { read } from '../store/db.ts'
import { outboxLagMs, settingsOf } from '../store/numbers.ts'
import { lastProved } from '../store/proofs.ts'
import { networkOf } from './network.ts'
import { readBrake } from './brakes.ts'
import { readRollback } from './restoreEpoch.ts'
import { rolesCheck } from './rolesCheck.ts'
import { readShards, silentShards } from './shards.ts'

/** Red when cron has not swept, a shard not looked at its miners for this long, and when a webhook waits for this long past its time. */
const SWEEP_LATE_MS = 3 * 60_000
const SHARD_LATE_MS = 3 * 60_000
const OUTBOX_LATE_MS = 5 * 60_000

export type Check = { name: string; ok: boolean; detail: string }
export type Health = { ok: boolean; checks: Check[] }

/** What a person at 3 a.m. asks first. Every red check says what is wrong and what to do. */
export async function health(ctx: Ctx): Promise<Health> {
  const settings = await settingsOf(ctx.db).catch(unmigrated)
  const checks = [{ name: 'settings', ok: true, detail: 'complete' }, database(settings)]
  if (settings.size > 0) {
    checks.push(
      sweep(settings, ctx.now()),
      shards(settings),
      await outbox(ctx),
      brake(settings),
      restored(settings),
      await rolesCheck(ctx),
      await publications(ctx),
      await proofs(ctx),
    )
  }
  return { ok: checks.every((c) => c.ok), checks }
}

/** A database without tables is a finding, not a failure of this page. */
function unmigrated(error: unknown): Map<string, string> {
  for (let at = error; at instanceof Error; at = at.cause) if (at.message.includes('no such table')) return new Map()
  throw error
}

function database(settings: Map<string, string>): Check {
  const ok = settings.size > 0
  return { name: 'database', ok, detail: ok ? 'answers' : 'it has no tables: run npm run deploy, which migrates it' }
}

function sweep(settings: Map<string, string>, nowMs: number): Check {
  const sweptAt = Number(settings.get('swept_at') ?? 0)
  const age = Math.round((nowMs - sweptAt) / 1000)
  const ok = nowMs - sweptAt < SWEEP_LATE_MS
  const since = sweptAt === 0 ? 'it never ran' : `it last ran ${age} s ago`
  return {
    name: 'sweep',
    ok,
    detail: ok ? `${age} s ago` : `${since}: see that the cron trigger "* * * * *" is deployed and what its last run logged (wrangler tail)`,
  }
}

function shards(settings: Map<string, string>): Check {
  const all = readShards(settings.get('shards'))
  const silent = silentShards(all, Number(settings.get('swept_at') ?? 0), SHARD_LATE_MS)
  const watched = Object.values(all).reduce((n, s) => n + (s?.watched ?? 0), 0)
  const what = `${silent.join(', ')} of the Hub ${silent.length === 1 ? 'does' : 'do'} not look at miners`
  const fix = 'no rental on them is ended meanwhile. See what the Durable Object logs (wrangler tail); deploying again restarts it'
  return { name: 'shards', ok: silent.length === 0, detail: silent.length === 0 ? `all look; they watch ${watched} miners` : `${what}: ${fix}` }
}

async function outbox(ctx: Ctx): Promise<Check> {
  const lagMs = await outboxLagMs(ctx.db, ctx.now())
  const ok = lagMs <= OUTBOX_LATE_MS
  const late = `a delivery is ${Math.round(lagMs / 1000)} s late`
  return { name: 'outbox', ok, detail: ok ? 'nothing waits too long' : `${late}: see that sweep is green, and which webhook refuses it` }
}

function brake(settings: Map<string, string>): Check {
  const held = readBrake(settings.get('brake'))
  if (!held) return { name: 'brake', ok: true, detail: 'not engaged' }
  const what = `${held.unreachable} of ${held.total} miners went away since ${new Date(held.sinceMs).toISOString()}`
  if (held.releasedMs !== null) return { name: 'brake', ok: true, detail: `${what}; released ${new Date(held.releasedMs).toISOString()}` }
  return {
    name: 'brake',
    ok: false,
    detail: `${what}, so no rental is ended for it. If the network between is at fault, mend that: it lets go by itself when they are back. If they really are gone: compute admin brake release`,
  }
}

function restored(settings: Map<string, string>): Check {
  const told = readRollback(settings.get('restored'))
  if (told === null) return { name: 'restored', ok: true, detail: 'no miner holds a wish newer than ours' }
  const { since, hotkeys, total, believed } = told
  const who = hotkeys.length === 1 ? `miner ${hotkeys[0]} holds` : `${hotkeys.length} miners hold`
  const what = `since ${new Date(since).toISOString()} ${who} a wish newer than this database gave`
  const fix = believed
    ? 'it looks restored from a backup. Run: compute admin restore-epoch'
    : `one of ${total} alone may lie. Was the database restored? Then run: compute admin restore-epoch. If not: compute admin allow remove ${hotkeys[0]}`
  return { name: 'restored', ok: !believed, detail: `${what}: ${fix}` }
}

/** Green whatever it says: without scores GPUs are rented out as before, and a new edge has none. Alarms are for /metrics. */
async function publications(ctx: Ctx): Promise<Check> {
  const { published, validators } = await networkOf(ctx)
  const last = published.at === null ? 'none ever did' : `the last did ${Math.floor((ctx.now() - published.at) / 60_000)} minutes ago`
  const quiet = `of ${validators} validators nobody published for ${SCORE_STALE_MS / 3600_000} h (${last}), so miners are picked without scores; a validator's log says why it does not`
  return {
    name: 'publications',
    ok: true,
    detail: validators > 0 && published.validators === 0 ? quiet : `of ${validators} validators ${published.validators} published lately`,
  }
}

/**
 * Green whatever it says, as `publications`. Only of what is over, and by the hour: everybody may read this page, and a miner must not learn
 * here that a proof is open.
 */
async function proofs(ctx: Ctx): Promise<Check> {
  const [[row] = []] = await read(ctx.db, [lastProved(ctx.now())])
  const { validators, at } = row as { validators: number; at: number | null }
  const hours = PROOF_DUE_MS.lately / 3600_000
  const last = at === null ? 'none ever did' : `the last did ${Math.floor((ctx.now() - at) / 3600_000)} hours ago`
  const quiet = `no validator closed a proof of GPU for ${hours} h (${last}), so no card is kept for one; a validator's log says why it does not`
  const detail = validators > 0 ? `${validators} validators closed proofs of GPU within ${hours} h` : quiet
  return { name: 'proofs', ok: true, detail: `${detail}. They are made in ${ctx.config.DEFAULT_IMAGE}: a miner that does not offer it cannot be proved` }
}
