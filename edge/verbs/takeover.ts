import { sql, type SQL } from 'drizzle-orm'
import { Problem } from '../../schema/problem.ts'
import type { TakenOver, Takeover } from '../../schema/sync.ts'
import { type Ctx, reached } from '../ctx.ts'
import { TAKEOVERS_PER_MINUTE } from '../hub/rate.ts'
import { record } from '../store/audit.ts'
import { write } from '../store/db.ts'
import { standingOf, type Standing } from '../store/wishes.ts'
import { advance } from './advance.ts'
import { spokenFor } from './register.ts'

type Act = Takeover & { hotkey: string; token: string; nowMs: number }

/**
 * Binds a hotkey to another install although something lives there: an explicit act of whoever holds the hotkey, for a host whose state is lost.
 * The new install has no container of the old one, so what was ready ends as lost, what was asked to stop has ended, and placements
 * on their way go to another miner. Asked again it changes nothing. Throws `not_registered`, `not_admitted`, `rate_limited`, `agent_conflict` naming the install that speaks.
 */
export async function takeover(ctx: Ctx, { hotkey, install, from }: Takeover & { hotkey: string }): Promise<TakenOver> {
  const waitS = await reached(ctx.hub(hotkey).countTakeover(hotkey))
  if (waitS > 0) throw new Problem('rate_limited', `a hotkey may be taken over ${TAKEOVERS_PER_MINUTE} times a minute`, { retry_after_s: waitS })
  const act: Act = { hotkey, install, from, token: crypto.randomUUID(), nowMs: ctx.now() }
  const results = await write(ctx.db, [
    bind(act),
    tellEnds(act),
    end(act),
    giveBack(act),
    sql`UPDATE tombstones SET gone_at = ${act.nowMs} WHERE hotkey = ${hotkey} AND gone_at IS NULL AND ${holds(act)}`,
    record(ctx, hotkey, 'takeover', hotkey, { install, from }, holds(act)),
    sql`SELECT id FROM allocations WHERE hotkey = ${hotkey} AND ended_at IS NULL AND desired <> 'stop' AND ready_at IS NULL AND ${holds(act)}`,
    standingOf(hotkey),
  ])
  const standing = results.at(-1)?.[0] as Standing | undefined
  if (!standing || standing.standing === 'removed') throw new Problem('not_admitted')
  if (standing.install === null) throw new Problem('not_registered', 'nobody speaks for this hotkey yet: start the agent')
  if (standing.install !== install) throw spokenFor(standing.install)
  const ended = (results[2] ?? []) as { id: string; holder: string; reason: string }[]
  const moved = (results.at(-2) ?? []).map((row) => String(row['id']))
  for (const [holder, list] of Map.groupBy(ended, (e) => e.holder)) ctx.defer('changed', ctx.feed(holder).changed(list.map((e) => e.id)))
  for (const allocation of moved) await advance(ctx, { allocation })
  const lost = ended.filter((e) => e.reason === 'lost').map((e) => e.id)
  ctx.log.info('taken_over', { hotkey, install, from, lost: lost.length, moved: moved.length })
  return { lost, moved }
}

/** Later statements of the batch hang on this one, also when it runs again after a lost answer. */
const holds = ({ hotkey, token }: Act) => sql`EXISTS (SELECT 1 FROM miners g WHERE g.hotkey = ${hotkey} AND g.sync_token = ${token})`

/** A new install counts its reports from one. */
function bind({ hotkey, install, from, token }: Act): SQL {
  return sql`
    UPDATE miners SET install = ${install}, seq = 0, boot = NULL, sync_token = ${token}, acked_version = 0, report_digest = NULL, unexplained = 0, foreign_containers = 0
    WHERE hotkey = ${hotkey} AND install = ${from} AND install <> ${install} OR hotkey = ${hotkey} AND sync_token = ${token}`
}

const ends = (act: Act) => sql`a.hotkey = ${act.hotkey} AND a.ended_at IS NULL AND (a.ready_at IS NOT NULL OR a.desired = 'stop') AND ${holds(act)}`

function tellEnds(act: Act): SQL {
  return sql`
    INSERT INTO events (at, holder, allocation_id, kind, data, trace_id)
    SELECT ${act.nowMs}, a.holder, a.id, 'ended', json_object('phase', 'gone', 'reason', coalesce(a.stop_reason, 'lost'), 'hotkey', a.hotkey, 'incarnation', a.incarnation), a.trace_id
    FROM allocations a WHERE ${ends(act)}`
}

/** Wish and fact agree: it is gone. Triggers free its GPUs. */
function end(act: Act): SQL {
  return sql`
    UPDATE allocations AS a SET desired = 'stop', stop_reason = coalesce(stop_reason, 'lost'), stop_at = coalesce(stop_at, ${act.nowMs}), generation = generation + 1,
      deadline_at = NULL, phase = 'gone', fact_incarnation = incarnation, fact_at = ${act.nowMs}, error = NULL, progress = NULL, host = NULL, port = NULL, user = NULL,
      host_key = NULL, host_key_signature = NULL, ended_at = ${act.nowMs}, end_reason = coalesce(stop_reason, 'lost')
    WHERE ${ends(act)} RETURNING id, holder, end_reason AS reason`
}

/** What was not ready is said to be gone here, so that `advance` moves it on; sweep does, should this request die before. */
function giveBack(act: Act): SQL {
  return sql`
    UPDATE allocations SET phase = 'gone', fact_incarnation = incarnation, fact_at = ${act.nowMs}, deadline_at = ${act.nowMs}
    WHERE hotkey = ${act.hotkey} AND ended_at IS NULL AND desired <> 'stop' AND ready_at IS NULL AND ${holds(act)}`
}
