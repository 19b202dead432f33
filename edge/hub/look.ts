import type { Ctx } from '../ctx.ts'
import { write } from '../store/db.ts'
import { type Seen, seenOf, tellSeen } from '../store/liveness.ts'
import { judge } from '../verbs/judge.ts'
import type { Heard, Row } from './heard.ts'

/** Last pings (ms) of the miners with an open socket; null: none yet on this socket. */
export type Sockets = ReadonlyMap<string, number | null>

/**
 * Looks at every miner of a shard and tells the database what changed, in one batch.
 * What could not be told is told at the next look, which finds it again.
 */
export async function look(ctx: Ctx, heard: Heard, sockets: Sockets, version: string): Promise<void> {
  const nowMs = ctx.now()
  const graceUntilMs = heard.begin(nowMs, version)
  const changes: Seen[] = []
  for (const row of heard.all()) {
    const heardAtMs = lastSign(heard, row, sockets, nowMs)
    const { online, fresh } = judge({ ...row, heardAtMs }, { nowMs, graceUntilMs })
    if ((online ?? row.online) !== row.online || (fresh ?? row.fresh) !== row.fresh) changes.push({ hotkey: row.hotkey, online, fresh })
  }
  if (changes.length > 0) await tell(ctx, heard, changes, nowMs)
  heard.end(nowMs)
}

/** A socket that went without a word was dropped by a deploy or a crash of ours: its miner has until it would be silent to come back. */
function lastSign(heard: Heard, row: Row, sockets: Sockets, nowMs: number): number | null {
  const open = sockets.has(row.hotkey)
  if (row.linked && !open) {
    heard.link(row.hotkey, false)
    heard.hear(row.hotkey, nowMs)
    return nowMs
  }
  return Math.max(row.heardAtMs ?? 0, sockets.get(row.hotkey) ?? 0) || null
}

async function tell(ctx: Ctx, heard: Heard, changes: Seen[], lookedAtMs: number): Promise<void> {
  const [, rows] = await write(ctx.db, tellSeen(changes, lookedAtMs), 1)
  const stands = new Map((rows ?? []).map((row) => [String(row['hotkey']), seenOf(row)]))
  // One that signs requests but never registered stands nowhere: there is nothing to tell.
  for (const change of changes) heard.told(stands.get(change.hotkey) ?? change, lookedAtMs)
  for (const { hotkey, online } of changes) if (online !== null && online !== 'online') ctx.log.info('miner_silent', { hotkey, online })
}
