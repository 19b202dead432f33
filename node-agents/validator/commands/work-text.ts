import { inTao } from '../../core/chain/amount.ts'
import { plural, table, when } from '../../core/text.ts'
import type { ValidatorStatus } from '../status.ts'
import { line } from './words.ts'

/** What a validator says of its own work, for people: one line each, and the loops. Pure. */
export function workText(s: ValidatorStatus, nowMs: number): string[] {
  return [
    ...(s.chain_data ? [line('on chain', standingText(s.chain_data))] : []),
    line('miners', minersText(s)),
    line('proofs', proofsText(s)),
    line('scores', scoresText(s, nowMs)),
    line('published', publishedText(s, nowMs)),
    line('weights', weightsText(s, nowMs)),
    ...(s.store_errors > 0 ? [line('store', `${s.store_errors} readings or writes FAILED since the start: is the disk full? The log says more`)] : []),
    'loops',
    ...loopsText(s, nowMs),
  ]
}

function standingText({ trust, incentive, dividends, emission, weights_age_blocks: age }: NonNullable<ValidatorStatus['chain_data']>): string {
  const shares = `trust ${trust.toFixed(4)}, incentive ${incentive.toFixed(4)}, dividends ${dividends.toFixed(4)}`
  return `${shares}, emission ${inTao(BigInt(emission))} alpha in the last tempo, weights ${age} blocks old`
}

function minersText({ filter, market_at: at }: ValidatorStatus): string {
  const { included = 0, ...out } = filter
  const left = Object.entries(out).map(([why, n]) => `${n} ${why}`)
  const market = at === null ? '; THE EDGE HAS NOT BEEN ASKED YET' : ''
  return `${included} queryable${left.length > 0 ? `, left out: ${left.join(', ')}` : ''}${market}`
}

function proofsText({ proofs }: ValidatorStatus): string {
  const results = Object.entries(proofs.results).map(([result, n]) => `${n} ${result}`)
  return `${proofs.running} running; since the start ${results.join(', ') || 'none'}`
}

function scoresText({ scores }: ValidatorStatus, nowMs: number): string {
  if (!scores) return 'none since the start'
  const failed = scores.unscored > 0 ? `; ${scores.unscored} COULD NOT BE SCORED, the log says why` : ''
  return `block ${scores.block}, ${when(scores.at, nowMs)}: ${scores.scored} of ${scores.miners} above zero${failed}`
}

function publishedText({ published, publish_trouble: trouble }: ValidatorStatus, nowMs: number): string {
  const last = published ? `block ${published.block}, ${when(published.at, nowMs)}: ${published.rows} scores` : 'none since the start'
  return trouble ? `${last}; NOT SENT: ${trouble}` : last
}

function weightsText({ weights: { state, due, trouble, confirmed, read_back: read } }: ValidatorStatus, nowMs: number): string {
  const there = confirmed
    ? `${plural(confirmed.uids, 'uid')} read back as sent at block ${confirmed.block ?? '?'}, ${when(confirmed.at, nowMs)}`
    : 'none read back yet'
  const differs = read && !read.same ? `; OTHERS STOOD THERE at block ${read.block}` : ''
  const next = state ? `; the next are ${state}` : due === null ? '' : `; the next are due at block ${due}`
  return `${there}${differs}${next}${trouble ? `; TROUBLE: ${trouble}` : ''}`
}

function loopsText({ jobs }: ValidatorStatus, nowMs: number): string[] {
  const rows = jobs.map((j) => [
    j.job,
    String(j.every),
    j.last === null ? '-' : `${j.last}, ${when(j.last_at, nowMs)}`,
    j.running ? 'now' : j.next === null ? 'next block' : String(j.next),
    j.lag > 0 ? `${j.lag} LATE` : '',
    j.trouble ? `TROUBLE: ${j.trouble}` : '',
  ])
  return table(['LOOP', 'EVERY', 'LAST', 'NEXT', '', ''], rows)
    .split('\n')
    .map((row) => `  ${row}`)
}
