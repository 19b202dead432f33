import type * as z from 'zod'
import type { minerDetail } from '../../schema/index.ts'
import { details, plural, span, table, when } from './print.ts'

type Miner = z.infer<typeof minerDetail>
type Network = {
  netuid: number
  environment: string
  miners: number
  validators: number
  snapshot_block: number | null
  snapshot_age_s: number | null
  validators_published: number
  published_age_s: number | null
}

/** "57.3 of 3 validators": the median, and how many proved something themselves. An edge from before scores says nothing of them. */
export function scoreText({ score, scored_by }: Partial<Pick<Miner, 'score' | 'scored_by'>>): string {
  if (score == null || scored_by === undefined) return 'unknown'
  return `${points(score)} of ${plural(scored_by, 'validator')}`
}
const points = (score: number) => score.toFixed(1)
const cards = (gpus: Miner['scores'][number]['gpus']) => (gpus === null ? 'nothing' : `${gpus.count} x ${gpus.model}`)

/** One miner, and what each validator says of it. */
export function minerText(m: Miner, nowMs: number): string {
  const age = m.score_age_s === null ? '' : `, ${span(m.score_age_s)} ago`
  const said = m.scores.map((s) => [s.validator, points(s.score), cards(s.gpus), s.own ? 'itself' : 'others', `${span(s.age_s)} ago`])
  const penalties = m.penalties.map((p) => [p.validator, p.reason, when(p.from, nowMs), p.until === null ? 'pardoned' : when(p.until, nowMs)])
  return [
    details([
      ['miner', m.hotkey],
      ['status', m.status],
      ['free', `${m.gpus.free}/${m.gpus.total}`],
      ['models', m.models.join(', ') + (m.simulated ? ' (simulated)' : '')],
      ['score', `${scoreText(m)}${age}`],
      ['version', m.version],
      ['last report', when(m.last_report_at, nowMs)],
    ]),
    said.length > 0 ? table(['VALIDATOR', 'SCORE', 'FOR', 'PROVED BY', 'SAID'], said) : 'No validator scored it in the last 3 hours',
    ...(penalties.length > 0 ? [table(['PENALIZED BY', 'REASON', 'SINCE', 'UNTIL'], penalties)] : []),
  ].join('\n\n')
}

/** The subnet, and who published. */
export function networkText(n: Network): string {
  const ago = (age: number | null) => (age === null ? 'never' : `${span(age)} ago`)
  return details([
    ['subnet', `${n.netuid} (${n.environment})`],
    ['miners', String(n.miners)],
    ['validators', `${n.validators}, of whom ${n.validators_published} published in the last 3 h`],
    ['published', ago(n.published_age_s)],
    ['roles', n.snapshot_block === null ? 'follow no block of the chain yet' : `of block ${n.snapshot_block}, ${ago(n.snapshot_age_s)}`],
  ])
}
