import { plural, table, when } from '../../core/text.ts'
import type { MinersAnswer } from '../operator/answers.ts'
import type { Exclusion } from '../score/types.ts'
import { cards, points } from './words.ts'

type Miner = MinersAnswer['miners'][number]

/** How many are left out, by reason. Pure. */
export function countsOf({ miners }: Pick<MinersAnswer, 'miners'>): Partial<Record<Exclusion, number>> {
  const counts: Partial<Record<Exclusion, number>> = {}
  for (const { excluded } of miners) if (excluded) counts[excluded] = (counts[excluded] ?? 0) + 1
  return counts
}

/** For people. Pure. @param shown whom to list, out of all */
export function minersText(all: MinersAnswer, shown: Miner[], nowMs: number): string {
  const left = all.miners.filter((m) => m.excluded === null).length
  const counts = Object.entries(countsOf(all)).map(([reason, n]) => `${n} ${reason}`)
  const rows = shown.map((m) => [String(m.uid), m.hotkey, m.score === null ? '-' : points(m.score), cards(m.gpus), sourceOf(m), whatIs(m, nowMs)])
  const sum = `block ${all.block}: ${all.miners.length} on the subnet, ${left} queryable, ${all.miners.length - left} left out${counts.length > 0 ? ` (${counts.join(', ')})` : ''}`
  return rows.length === 0 ? sum : `${table(['UID', 'HOTKEY', 'SCORE', 'CARDS', 'SOURCE', 'STANDING'], rows)}\n\n${sum}`
}

/** Whose proofs the score is by. */
function sourceOf({ score, own, gpus }: Miner): string {
  if (score === null || gpus === null) return '-'
  return own ? 'own' : 'others'
}

function whatIs(m: Miner, nowMs: number): string {
  const said = [
    m.excluded ? `left out, ${m.excluded}${m.why ? `: ${m.why}` : ''}` : null,
    m.penalty ? `penalized${m.penalty.until ? `, ends ${when(m.penalty.until, nowMs)}` : ''}: ${m.penalty.reason}` : null,
    m.allocated ? 'rented' : null,
    m.note,
    m.shares.length > 0 ? `same address as ${plural(m.shares.length, 'other')} (uid ${m.shares.join(', ')})` : null,
  ]
  return said.filter((s) => s !== null).join('; ') || 'ok'
}
