import { SNAPSHOT_EVERY, SNAPSHOT_STALE_MS } from '../../schema/snapshot.ts'
import type { Ctx } from '../ctx.ts'
import { read, type Rows } from '../store/db.ts'
import { appliedAt, doubted, heldNow } from '../store/snapshots.ts'
import type { Check } from './health.ts'

/** So long a validator is named that says other things than most. */
const DOUBT_MS = 3600_000

/** Do roles follow the chain? Red where validators are trusted and the chain is not heard, or something waits for a person. */
export async function rolesCheck(ctx: Ctx): Promise<Check> {
  const { TRUSTED_VALIDATORS: trusted, NETUID, ENVIRONMENT } = ctx.config
  if (trusted.length === 0) {
    const ok = ENVIRONMENT === 'development'
    const who = ok ? 'who may act is said by hand (compute admin allow)' : 'nobody can be admitted: set TRUSTED_VALIDATORS in wrangler.toml'
    return { name: 'roles', ok, detail: `no validator is trusted, so ${who}` }
  }
  const [last, held, doubts] = (await read(ctx.db, [appliedAt(), heldNow(), doubted(trusted, NETUID, ctx.now() - DOUBT_MS)])) as [Rows, Rows, Rows]
  const red = [heldText(held[0]), ageText(last[0], ctx.now()), doubtText(doubts), chainText(doubts, last[0])].filter((text) => text !== null)
  return {
    name: 'roles',
    ok: red.length === 0,
    detail: red.length > 0 ? red.join('. ') : `they follow block ${String(last[0]?.['block'])} of subnet ${NETUID}`,
  }
}

function heldText(row: Rows[number] | undefined): string | null {
  if (!row) return null
  const { digest, block, seen, known } = row as { digest: string; block: number; seen: number; known: number }
  const short = digest.slice(0, 8)
  const fix = `If that is right: compute admin snapshot accept ${short}. If not: compute admin snapshot ignore ${short}`
  return `the snapshot of block ${block} is held, as it changes ${seen} of ${known} agents (compute admin snapshot says which). ${fix}`
}

function ageText(row: Rows[number] | undefined, nowMs: number): string | null {
  const fix = `see that most of the trusted validators run and post the same (compute admin snapshot); they do at every ${SNAPSHOT_EVERY}th block`
  if (!row) return `roles follow no snapshot, so nobody new is admitted: ${fix}`
  const { digest, block, chainAtMs } = row as { digest: string; block: number; chainAtMs: number }
  if (nowMs - chainAtMs < SNAPSHOT_STALE_MS) return null
  const age = `block ${block}, which roles follow, is ${Math.floor((nowMs - chainAtMs) / 3600_000)} h old; roles stay, and no new miner is taken`
  return `${age}: ${fix}. If all they post is older than that block, it never was: compute admin snapshot forget ${digest.slice(0, 8)}`
}

function doubtText(rows: Rows): string | null {
  if (rows.length === 0) return null
  const who = rows.map((row) => String(row['hotkey'])).join(', ')
  return `within the hour ${who} said other things than most, or contradicted itself: a stolen key, a wrong chain or a lying endpoint. See compute admin snapshot; if it is not mended take it out of TRUSTED_VALIDATORS`
}

/** It may be the edge that is wrong: a development chain began anew, or the first snapshot there was came from another one. */
function chainText(doubts: Rows, last: Rows[number] | undefined): string | null {
  const others = doubts.filter((row) => row['elsewhere'] === 1).length
  if (others === 0 || !last) return null
  return `${others} of them spoke of another subnet or chain than the one of block ${String(last['block'])}. If that block is of the wrong one, such as a development chain that began anew: compute admin snapshot forget ${String(last['digest']).slice(0, 8)}`
}
