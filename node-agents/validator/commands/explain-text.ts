import { inTao } from '../../core/chain/amount.ts'
import { clean, oneLine, span, table, when } from '../../core/text.ts'
import type { ExplainAnswer } from '../operator/answers.ts'
import { cards, percent, points } from './words.ts'

/** For people, as of the time of the answer. Pure. */
export function explainText(a: ExplainAnswer): string {
  const nowMs = Date.parse(a.at)
  const lines = [
    `miner      uid ${a.uid}, ${a.hotkey} (coldkey ${a.coldkey})`,
    `filter     ${filterText(a)}`,
    `score      ${scoreText(a, nowMs)}`,
    ...factorLines(a),
    `penalty    ${penaltyText(a, nowMs)}`,
    `edge       ${edgeText(a, nowMs)}`,
    `liveness   ${a.liveness.attempts === 0 ? 'no challenge yet' : `${a.liveness.successes} of ${a.liveness.attempts} challenges answered`}`,
    `proofs     ${a.proofs.length === 0 ? 'none yet' : ''}`.trimEnd(),
    ...indented(proofLines(a, nowMs)),
    `cards      ${a.cards_trouble ? oneLine(a.cards_trouble) : a.cards.length === 0 ? 'none is proved' : ''}`.trimEnd(),
    ...indented(cardLines(a, nowMs)),
    `others     ${a.peers.length === 0 ? 'no number of another validator counts' : ''}`.trimEnd(),
    ...indented(peerLines(a, nowMs)),
    `weight     ${weightText(a)}`,
  ]
  return clean(lines.join('\n'))
}

const indented = (text: string | null) => (text === null ? [] : text.split('\n').map((line) => `  ${line}`))

function filterText({ excluded, why, shares, address }: ExplainAnswer): string {
  const standing = excluded ? `LEFT OUT, ${excluded}${why ? `: ${oneLine(why)}` : ''}` : `queryable at ${address ?? 'no address'}`
  return shares.length === 0 ? standing : `${standing}; the same address as uid ${shares.join(', ')}, which decides nothing by itself`
}

function scoreText({ stat, block }: ExplainAnswer, nowMs: number): string {
  if (!stat) return 'none yet: no round of scores has seen this miner'
  const source = stat.gpus === null ? 'nothing is proved' : `${cards(stat.gpus)}, by ${stat.own ? 'own proofs' : 'the numbers of other validators'}`
  const kept = stat.block < block ? `block ${stat.block}, ` : ''
  return oneLine(`${points(stat.score)} of 100: ${source}${stat.allocated ? ', rented' : ''} (${kept}${when(stat.at, nowMs)})`)
}

function factorLines({ stat }: ExplainAnswer): string[] {
  if (!stat) return []
  const rows = stat.factors.map(({ name, value, from }, i) => [i === 0 ? ' ' : 'x', name, shortened(value), from])
  const factors = rows.length === 0 ? null : table(['', 'FACTOR', 'VALUE', 'FROM'], rows)
  return [...indented(factors), ...(stat.note ? [`  ${oneLine(stat.note)}`] : [])]
}

/** At most six digits after the point, without closing zeros. */
const shortened = (value: number) => String(Number(value.toFixed(6)))

function penaltyText({ penalty }: ExplainAnswer, nowMs: number): string {
  if (!penalty) return 'none'
  const end = penalty.until === null ? 'until it is pardoned' : `ends ${when(penalty.until, nowMs)}`
  return oneLine(`SINCE ${penalty.from}, ${end}: ${penalty.reason}`)
}

function edgeText({ edge }: ExplainAnswer, nowMs: number): string {
  if (!edge) return 'the edge does not know this hotkey: its agent never registered there'
  const rented = edge.gpus.filter((g) => g.rented).length
  const said = `${edge.online}, ${edge.available ? 'takes rentals' : 'takes no rental now'}, version ${edge.version}, ${edge.gpus.length} cards, ${rented} rented`
  return oneLine(`${said}${edge.simulated ? ', SIMULATED' : ''} (asked ${when(edge.asked_at, nowMs)})`)
}

function proofLines({ proofs }: ExplainAnswer, nowMs: number): string | null {
  if (proofs.length === 0) return null
  const rows = proofs.map((p) => [
    when(p.at, nowMs),
    String(p.block),
    p.result,
    p.gpus.length === 0 ? '-' : `${modelsOf(p.gpus)}${p.simulated ? ', simulated' : ''}`,
    `${(p.duration_ms / 1000).toFixed(1)} s`,
    p.reason ?? '',
  ])
  return table(['WHEN', 'BLOCK', 'RESULT', 'CARDS', 'TOOK', 'WHY'], rows)
}

function modelsOf(models: string[]): string {
  const counts = new Map<string, number>()
  for (const model of models) counts.set(model, (counts.get(model) ?? 0) + 1)
  return [...counts].map(([model, count]) => cards({ model, count })).join(', ')
}

const LAPSES = {
  gone: 'no: the edge does not show it now',
  simulated: 'no: simulated, which counts in development only',
  aged: 'no: not rented for too long since its proof',
  old: 'no: its proof is too old',
  lost: 'no: another miner showed it, and this one could not',
}

function cardLines({ cards }: ExplainAnswer, nowMs: number): string | null {
  if (cards.length === 0) return null
  const rows = cards.map((c) => [
    c.uuid,
    c.model,
    when(c.proved_at, nowMs),
    span(c.unrented_ms / 1000),
    span((c.age_ms - c.unrented_ms) / 1000),
    c.lapse === null ? 'yes' : LAPSES[c.lapse],
  ])
  return table(['UUID', 'MODEL', 'PROVED', 'UNRENTED SINCE', 'RENTED SINCE', 'COUNTS'], rows)
}

function peerLines({ peers }: ExplainAnswer, nowMs: number): string | null {
  if (peers.length === 0) return null
  const rows = peers.map((p) => [p.validator, inTao(BigInt(p.stake)), points(p.score), cards(p.gpus), when(p.at, nowMs)])
  return table(['VALIDATOR', 'STAKE', 'SCORE', 'CARDS', 'WHEN'], rows)
}

function weightText({ weight: { cycle, wanted, found, trouble } }: ExplainAnswer): string {
  const chain = found === null ? `CANNOT BE READ: ${oneLine(trouble ?? 'no reason')}` : percent(found)
  if (!cycle) return `none was set yet; on chain ${chain}`
  const plan = wanted === null ? 'none, its uid was another hotkey’s when they were planned, by' : `${percent(wanted)} by`
  return `${plan} cycle ${cycle.id} (${cycle.state}${cycle.reason ? `: ${oneLine(cycle.reason)}` : ''}); on chain ${chain}`
}
