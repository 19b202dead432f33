import { clean, details, oneLine } from '../../core/text.ts'
import type { Liveness, Penalty, Proof, Stat } from '../store/types.ts'
import type { Filtered } from './types.ts'
import { hours, models } from './words.ts'

/** What is known of one hotkey; null: nothing. `proofs`: newest first. */
export type Explained = {
  hotkey: string
  stat: Stat | null
  filtered: Filtered | null
  penalty: Penalty | null
  proofs: readonly Proof[]
  liveness: Liveness
  nowMs: number
}

/** Everything a score came from, as lines for a person. The product of the factors is the score. Pure. */
export function explain(e: Explained): string {
  const parts = [head(e), factorsOf(e.stat), proofsOf(e.proofs, e.nowMs)]
  return parts.filter((part) => part !== '').join('\n\n')
}

function head({ hotkey, stat, filtered, penalty, liveness, nowMs }: Explained): string {
  const uid = filtered?.uid ?? stat?.uid
  return details([
    ['hotkey', uid === undefined ? `${hotkey} (not on the subnet)` : `${hotkey} (uid ${uid})`],
    ['score', stat ? `${points(stat.score)} of 100` : 'none yet: it is given with the next round of scores'],
    ['from', stat && `block ${stat.block}, ${hours(nowMs - stat.at)} ago`],
    ['cards', stat && (stat.gpus ? `${stat.gpus.count} x ${oneLine(stat.gpus.model)}` : 'none proved')],
    ['rented', stat && (stat.allocated ? 'yes' : 'no')],
    ['note', stat?.factors.note ?? null],
    ['left out', filtered && (filtered.excluded === null ? 'no' : `${filtered.excluded}: ${filtered.why}`)],
    ['same address', filtered && filtered.shares.length > 0 ? `uid ${filtered.shares.join(', ')} (decides nothing)` : null],
    ['penalty', penalty && penaltyText(penalty)],
    ['liveness', liveness.attempts === 0 ? 'never challenged' : `${liveness.successes} of the last ${liveness.attempts} challenges answered in time`],
  ])
}

function penaltyText({ reason, from, until }: Penalty): string {
  const end = until === null ? 'until it is pardoned' : `until ${new Date(until).toISOString()}`
  return `${reason}, since ${new Date(from).toISOString()}, ${end}`
}

function factorsOf(stat: Stat | null): string {
  if (!stat) return ''
  const { factors } = stat.factors
  const width = Math.max(0, ...factors.map((f) => f.name.length))
  const rows = factors.map((f) => `  ${f.name.padEnd(width)}  ${points(f.value).padStart(8)}  ${oneLine(f.from)}`)
  return ['score = product of', ...rows].join('\n')
}

function proofsOf(proofs: readonly Proof[], nowMs: number): string {
  if (proofs.length === 0) return 'proofs: none'
  const rows = proofs.map((p) => {
    const what = p.result === 'valid' ? `${models(p.gpus)}${p.simulated ? ' (simulated)' : ''}` : (p.reason ?? 'no reason is kept')
    return `  ${hours(nowMs - p.at).padStart(8)} ago  ${p.result.padEnd(7)}  ${oneLine(what)}`
  })
  return clean(['proofs, newest first', ...rows].join('\n'))
}

/** Short, and never rounded to a whole that it is not. */
const points = (value: number) => String(Number(value.toFixed(4)))
