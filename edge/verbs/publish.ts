import { utf8ToBytes } from '@noble/hashes/utils.js'
import { verifyBytes } from '../../schema/btauth.ts'
import { invalid } from '../../schema/problem.ts'
import { penaltiesStatement, type Penalties, type Published, SCORE_STALE_MS, type Scores, scoresStatement } from '../../schema/publication.ts'
import type { Ctx } from '../ctx.ts'
import { write } from '../store/db.ts'
import { type Heard, keep, standing } from '../store/publications.ts'
import { rank } from '../store/ranking.ts'

/** Clocks of validators and ours differ by less. */
const AHEAD_MS = 2 * 60_000

/** Takes what a validator says of miners, if it said nothing later. Throws `invalid_request`. @param hotkey who sent it */
export async function publishScores(ctx: Ctx, { hotkey, scores }: { hotkey: string; scores: Scores }): Promise<Published> {
  return publish(ctx, hotkey, { kind: 'scores', content: scores, statement: scoresStatement(scores), nowMs: ctx.now() })
}

/** As `publishScores`. */
export async function publishPenalties(ctx: Ctx, { hotkey, penalties }: { hotkey: string; penalties: Penalties }): Promise<Published> {
  return publish(ctx, hotkey, { kind: 'penalties', content: penalties, statement: penaltiesStatement(penalties), nowMs: ctx.now() })
}

async function publish(ctx: Ctx, sender: string, heard: Heard): Promise<Published> {
  check(ctx, sender, heard)
  const { kind, content, nowMs } = heard
  const [row] = (await write(ctx.db, [...keep(heard), rank(nowMs), standing(heard)])).at(-1) ?? []
  const { at, kept } = row as { at: number; kept: number }
  const outcome = kept === 1 ? 'kept' : 'older'
  ctx.log.info('published', { kind, hotkey: sender, block: content.block, outcome })
  return { outcome, at_ms: at }
}

/** Others take it from us and check it again; what does not hold would only make them doubt its validator. */
function check(ctx: Ctx, sender: string, { content, statement, nowMs }: Heard): void {
  const { netuid, validator, at_ms, signature } = content
  if (validator !== sender) throw invalid('validator', `it is of ${validator}, and ${sender} sent it; each publishes its own`)
  if (netuid !== ctx.config.NETUID) throw invalid('netuid', `this edge serves subnet ${ctx.config.NETUID}`)
  if (at_ms > nowMs + AHEAD_MS) throw invalid('at_ms', `it is ${Math.ceil((at_ms - nowMs) / 1000)} s ahead of ${nowMs}; set the clock`)
  if (at_ms < nowMs - SCORE_STALE_MS)
    throw invalid('at_ms', `it is ${Math.floor((nowMs - at_ms) / 60_000)} minutes old; after ${SCORE_STALE_MS / 60_000} it counts for nothing`)
  if (!verifyBytes(validator, utf8ToBytes(statement), signature)) throw invalid('signature', 'it is not by this validator over this content')
}
